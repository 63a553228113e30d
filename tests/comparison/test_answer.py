"""What a difference is worth, and when nothing can be told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tilesegm.comparison.answer import Answer, Gathered, answer, chance_words, gather
from tilesegm.comparison.look import Look
from tilesegm.comparison.measures import Measure
from tilesegm.comparison.plan import Trial
from tilesegm.decision_rule import ARGMAX

SCORE = Measure("score", "score", "score", lambda sums: sums[..., 0, 0] / sums[..., 1, 0], 1, "px")
"""A mean over units, whose counts are the score of a unit and 1."""


def gathered(scores: dict[str, Sequence[Sequence[float]]]) -> Gathered:
    """Make counts of scores ``(repeats, units)`` by variant; an empty row is a missing run."""
    units = max(len(row) for rows in scores.values() for row in rows)
    there = np.array([[bool(len(row)) for row in rows] for rows in scores.values()])
    values = np.array([[row or [0] * units for row in rows] for rows in scores.values()], float)
    parts = np.stack([values, np.ones_like(values)], -1)[..., None]
    return Gathered(tuple(scores), {"score": parts}, there)


def compared(scores: dict[str, Sequence[Sequence[float]]]) -> Answer:
    return answer(gathered(scores), [SCORE], [SCORE])


def test_a_gain_is_taken_within_pairs_of_seed_and_unit() -> None:
    found = compared({"ce": [[10, 50], [20, 60]], "dice": [[11, 51], [21, 61]]})
    gain = found.gains["score"][1]
    # Each pair differs by one, however far units and seeds lie apart.
    assert (gain.mean, gain.low, gain.high) == pytest.approx((1, 1, 1))
    assert found.best == "dice"
    assert found.chances.tolist() == [0, 1]
    assert found.sentences() == [
        "dice is best.",
        "ce is worse than dice, beyond chance.",
        "The probability that dice is really the best of them is >99%.",
        "With 2 repeats this knows little of how much training differs from seed to seed; more "
        "seeds (--seeds) tell.",
    ]


def test_only_three_repeats_and_more_speak_of_training_without_a_warning() -> None:
    rows = {"ce": [[10, 50], [20, 60], [30, 70]], "dice": [[11, 51], [21, 61], [31, 71]]}
    assert not any("--seeds" in text for text in compared(rows).sentences())
    one = compared({name: found[:1] for name, found in rows.items()})
    assert one.sentences()[:-1] == [
        "dice is best.",
        "ce is worse than dice, beyond the chance of which pixels are scored.",
        "The probability that dice is on more such pixels the best of these runs is >99%.",
    ]
    assert "With 1 repeat this knows little" in one.sentences()[-1]


def test_a_chance_is_never_told_as_certain() -> None:
    assert [chance_words(part) for part in (0, 0.004, 0.006, 0.5, 0.994, 1, float("nan"))] == [
        *("<1%", "<1%", "1%", "50%", "99%", ">99%", "–")
    ]


def test_a_gain_of_some_units_alone_is_uncertain() -> None:
    found = compared({"ce": [[10, 50]], "dice": [[20, 50]]})
    gain = found.gains["score"][1]
    assert (gain.mean, gain.low, gain.high) == pytest.approx((5, 0, 10))
    assert found.sentences()[0] == "dice and ce cannot be told apart with this data."


def test_the_chance_of_the_best_is_that_of_its_draws() -> None:
    # Of two units drawn with replacement a is best but when the second comes twice: 3 of 4.
    found = compared({"a": [[10, 0]], "b": [[0, 4]]})
    assert found.chances[0] == pytest.approx(0.75, abs=0.03)


def test_low_is_good_where_the_measure_says_so() -> None:
    low = Measure("low", "low", "score", SCORE.score, -1, "px")
    data = gathered({"a": [[5, 6]], "b": [[3, 4]]})
    found = answer(data, [low], [low])
    assert found.best == "b"
    assert found.gains["low"][1].mean == 2


def test_a_missing_run_leaves_its_seed_out_of_its_pairs() -> None:
    found = compared({"a": [[10, 10], [90, 90]], "b": [[11, 11], []], "c": [[9, 9], [80, 80]]})
    assert found.gains["score"][1].mean == pytest.approx(1)
    assert found.gains["score"][2].mean == pytest.approx(-5.5)
    assert found.chances.tolist() == [0, 1, 0]  # by the seed that all have


def test_a_single_unit_tells_nothing_of_chance() -> None:
    found = compared({"a": [[10], [11]], "b": [[12], [13]]})
    assert np.isnan(found.gains["score"][1].low)
    assert np.isnan(found.chances).all()
    assert "a single unit" in found.sentences()[0]


def look(value: float, units: int, test: bool) -> Look:
    counts = np.full((units, 3, 2), value)
    return Look(
        validation={"confusion": counts},
        test={"confusion": counts} if test else {},
        rule=ARGMAX,
        places=(),
        facts={},
    )


def test_folds_of_validation_are_scored_together_and_those_of_the_test_are_repeats() -> None:
    looks = {
        Trial(name, seed, fold): look(10 * seed + fold, 2 + fold, True)
        for name in "ab"
        for seed in (0, 1)
        for fold in (0, 1)
    }
    del looks[Trial("b", 1, 1)]
    found = gather(looks, ["a", "b"], "validation")
    assert found.parts["confusion"].shape == (2, 2, 5, 3, 2)
    assert found.there.tolist() == [[True, True], [True, False]]
    assert found.parts["confusion"][0, 1, :, 0, 0].tolist() == [10, 10, 11, 11, 11]
    for trial, one in looks.items():
        one.test["confusion"] = np.full((4, 3, 2), float(trial.fold))
    found = gather(looks, ["a", "b"], "test")
    assert found.parts["confusion"].shape == (2, 4, 4, 3, 2)
    assert found.there.tolist() == [[True] * 4, [True, True, True, False]]
