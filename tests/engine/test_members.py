"""Several networks: mean probabilities, each one's temperature, and the share that agrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from tests.engine.jobs import Cut, Network, assemble, make_job, run_whole
from tilesegm.decision_rule import DecisionRule
from tilesegm.engine.decide import Decision, decide
from tilesegm.engine.members import Member
from tilesegm.engine.stream import Job
from tilesegm.grid.tiling import Tiling
from tilesegm.model.ensemble import EnsemblePredictor

SURE = Member(probabilities=True)


def planes(*pixels: tuple[float, ...]) -> np.ndarray:
    """Scores ``(planes, 1, pixels)`` of pixels, given one after the other."""
    return np.array(pixels, np.float32).T[:, None]


def test_agreement_by_hand() -> None:
    # Three networks, two classes. Means of class 1: (0.9 + 0.8 + 0.1) / 3 = 0.6, all of them 0.7,
    # and (0.45 + 0.45 + 0.9) / 3 = 0.6, where the class is that of one network alone.
    scores = planes(
        (0.1, 0.9, 0.2, 0.8, 0.9, 0.1),
        (0.3, 0.7, 0.3, 0.7, 0.3, 0.7),
        (0.55, 0.45, 0.55, 0.45, 0.1, 0.9),
    )
    found = decide(scores, Decision(2, True, "agreement", "float32", members=(SURE,) * 3))
    assert found["classes"].tolist() == [[1, 1, 1]]
    assert found["confidence"].tolist() == [[round(254 * 2 / 3), 254, round(254 / 3)]]
    np.testing.assert_allclose(found["scores"][1], [[0.6, 0.7, 0.6]], atol=1e-6)


def test_each_votes_by_the_rule_of_the_map() -> None:
    # Two networks with 0.3 and 0.1 of class 1, whose mean is 0.2.
    scores = planes((0.7, 0.3, 0.9, 0.1))
    rule = DecisionRule.of_threshold(0.15)
    found = decide(scores, Decision(2, True, "agreement", rule=rule, members=(SURE,) * 2))
    assert found["classes"].item() == 1
    assert found["confidence"].item() == 127


def test_logits_and_probabilities_are_averaged_with_their_temperatures() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (3, 4, 5)).astype(np.float32)
    chances = special.softmax(random.normal(0, 3, (3, 4, 5)), axis=0).astype(np.float32)
    members = (Member(probabilities=False, temperature=2.0), Member(True, 0.5))
    decision = Decision(3, True, "top", "float32", members=members)
    found = decide(np.concatenate([logits, chances]), decision)
    first = special.softmax(logits.astype(float) / 2, axis=0)
    second = chances.astype(float) ** 2 / (chances.astype(float) ** 2).sum(axis=0)
    expected = (first + second) / 2
    np.testing.assert_allclose(found["scores"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["classes"], expected.argmax(axis=0))


@pytest.mark.parametrize("fills", [((0.0,), (0.0,)), ((0.0,), (7.0,))])
def test_each_is_blended_on_its_own_and_gets_its_own_fill(
    fills: tuple[tuple[float, ...], tuple[float, ...]],
) -> None:
    random = np.random.default_rng(1)
    image = random.normal(0, 2, (70, 90, 2)).astype(np.float32)
    image[20:40, 30:60] = np.nan

    def network(number: int) -> Network:
        def function(tiles: np.ndarray) -> np.ndarray:
            # Looks at a neighbour, and so at the fill; and differs from tile to tile.
            moved = tiles + np.roll(tiles, 1 + number, axis=2) + tiles[:, :1, :1]
            return moved.transpose(0, 3, 1, 2) * (1 + number)

        return Network(function, classes=2, fill=fills[number], probabilities=False)

    cut = Cut(Tiling(32, 12), batch=3)
    alone = []
    for one in (network(0), network(1)):
        decision = Decision(2, False, scores="float32")
        job = make_job(image, one, cut, decision=decision, nodata=np.nan)
        alone.append(assemble(run_whole(job, cut), "scores"))
    both = EnsemblePredictor([network(0), network(1)], ["first", "second"])
    decision = Decision(2, True, scores="float32", members=(Member(False),) * 2)
    job = make_job(image, network(0), cut, decision=decision, nodata=np.nan)
    reading = replace(job.reading, more_fills=both.spec.fills[1:])
    found = assemble(run_whole(Job(reading, both, decision), cut), "scores")
    np.testing.assert_allclose(found, (alone[0] + alone[1]) / 2, atol=1e-6)
