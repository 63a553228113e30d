"""Losses and rules from settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tilesegm.errors import InputError
from tilesegm.losses import CrossEntropy, Dice
from tilesegm.losses.weighting import DWA, Scheduled, Uncertainty
from tilesegm.training.objective import make_loss, make_rule
from tilesegm.training.settings.config import LossSettings

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(-1, 3, (2, 8, 8)).astype(np.int32)
LOGITS = RANDOM.normal(size=(2, 8, 8, 3)).astype(np.float32)


def made(*terms: dict[str, Any], **more: Any) -> float:
    return float(make_loss(LossSettings(terms=terms, **more))(LABELS, LOGITS))


def test_terms_add_up_with_their_factors_and_ignore_what_has_no_label() -> None:
    cross, dice = CrossEntropy(ignore=-1)(LABELS, LOGITS), Dice(ignore=-1)(LABELS, LOGITS)
    assert made({"name": "dice_ce"}) == pytest.approx(float(cross + dice))
    assert made({"name": "Dice", "factor": 0.5}, {"name": "cross_entropy"}) == pytest.approx(
        float(0.5 * dice + cross)
    )
    assert made({"name": "dice_ce", "factor": 2}) == pytest.approx(2 * float(cross + dice))


def test_labels_are_smoothed_in_cross_entropies_that_say_nothing_themselves() -> None:
    smooth = float(CrossEntropy(ignore=-1, label_smoothing=0.2)(LABELS, LOGITS))
    dice = float(Dice(ignore=-1)(LABELS, LOGITS))
    plain = float(CrossEntropy(ignore=-1)(LABELS, LOGITS))
    assert made({"name": "dice_ce"}, label_smoothing=0.2) == pytest.approx(smooth + dice)
    own = {"name": "cross_entropy", "label_smoothing": 0.0}
    assert made(own, label_smoothing=0.2) == pytest.approx(plain)
    assert smooth != pytest.approx(plain)


def test_several_outputs_are_all_scored_with_halving_weights() -> None:
    coarse = LOGITS[:, ::2, ::2]
    loss = make_loss(LossSettings(terms=({"name": "cross_entropy"},)), outputs=2)
    fine = float(CrossEntropy(ignore=-1)(LABELS, LOGITS))
    small = float(CrossEntropy(ignore=-1)(LABELS[:, 1::2, 1::2], coarse))
    assert float(loss(LABELS, [LOGITS, coarse])) == pytest.approx(2 / 3 * fine + 1 / 3 * small)
    assert [term.name for term in loss.terms] == ["cross_entropy"]


def test_rules_by_name() -> None:
    assert make_rule(LossSettings()) is None
    assert isinstance(make_rule(LossSettings(weighting={"name": "uncertainty"})), Uncertainty)
    rule = make_rule(LossSettings(weighting={"name": "DWA", "temperature": 3.0}))
    assert isinstance(rule, DWA)
    assert rule.temperature == 3.0
    ramps = [
        {"name": "constant", "weight": 1.0},
        {"name": "linear", "start": 0.0, "end": 1.0, "epochs": 4},
    ]
    scheduled = make_rule(LossSettings(weighting={"name": "scheduled", "schedules": ramps}))
    assert isinstance(scheduled, Scheduled)
    assert [schedule(2) for schedule in scheduled.schedules] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"terms": ()}, "loss.terms is empty"),
        ({"terms": ({"factor": 2},)}, "lacks a name"),
        ({"terms": ({"name": "dise"},)}, "did you mean 'dice'"),
        ({"terms": ({"name": "dice", "smoth": 1},)}, "did you mean 'smooth'"),
        ({"terms": ({"name": "tversky", "extra": 0.3},)}, "tversky has no argument 'extra'"),
        ({"weighting": {"name": "uncertain"}}, "did you mean 'uncertainty'"),
        ({"weighting": {"name": "dwa", "temprature": 1}}, "did you mean 'temperature'"),
        ({"weighting": {"name": "dwa", "temperature": "warm"}}, "dwa cannot be made"),
        ({"weighting": {"name": "scheduled", "schedules": [{"name": "line"}]}}, "linear"),
    ],
)
def test_what_cannot_be_made_is_named(change: dict[str, Any], message: str) -> None:
    settings = LossSettings(**change)

    def make() -> None:
        make_loss(settings)
        make_rule(settings)

    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
