"""Differences of maps with intervals."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tilesegm.errors import InputError
from tilesegm.metrics.bootstrap import compare
from tilesegm.metrics.confusion import count_pairs
from tilesegm.metrics.evaluation import Evaluation, ImageEvaluation
from tilesegm.metrics.map_counts import Block, MapCounts
from tilesegm.metrics.measures import Measures


def evaluation(truth: np.ndarray, right: np.ndarray) -> Evaluation:
    """Rows of ``truth`` are blocks; where not ``right`` the other of two classes is predicted."""
    blocks = tuple(
        Block(n, 0, count_pairs(row, np.where(good, row, 1 - row), 2))
        for n, (row, good) in enumerate(zip(truth, right, strict=True))
    )
    total = MapCounts(np.sum([block.confusion for block in blocks], axis=0))
    image = ImageEvaluation("p", "t", *truth.shape, total, blocks)
    return Evaluation(("a", "b"), Measures(), (image,))


def drawn(seed: int, chance: float, blocks: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, (blocks, 50))
    return truth, random.random(truth.shape) < chance


def test_a_better_map_is_told_from_an_equal_one() -> None:
    truth, right = drawn(0, 0.8)
    random = np.random.default_rng(1)
    base = evaluation(truth, right)
    better = evaluation(truth, right | (random.random(right.shape) < 0.3))
    other = evaluation(truth, np.roll(right, 1, axis=0))
    gain, equal = compare(base, [better, other])
    named = {one.metric: one for one in gain}
    assert set(named) == {"accuracy", "mean_iou", "iou a", "iou b"}
    assert all(one.certain and one.low < one.difference < one.high for one in gain)
    assert named["accuracy"].other == better.class_scores.accuracy
    assert named["mean_iou"].difference == pytest.approx(
        better.class_scores.mean_iou - base.class_scores.mean_iou
    )
    assert not equal[0].certain
    assert equal[0].difference == 0


def test_intervals_have_the_width_that_theory_gives() -> None:
    truth, right = drawn(2, 0.8, blocks=400)
    found = compare(evaluation(truth, right), [evaluation(truth, drawn(3, 0.8, 400)[1])])[0][0]
    # Accuracy of independent pixels: the difference has twice the variance of a single one.
    width = 2 * 1.96 * np.sqrt(2 * 0.8 * 0.2 / truth.size)
    assert found.high - found.low == pytest.approx(width, rel=0.15)


def test_equal_maps_differ_by_nothing() -> None:
    base = evaluation(*drawn(4, 0.7))
    assert all((one.low, one.high) == (0, 0) for one in compare(base, [base])[0])


def test_maps_of_another_truth_are_refused() -> None:
    truth, right = drawn(5, 0.9)
    with pytest.raises(InputError, match="different true pixels"):
        compare(evaluation(truth, right), [evaluation(1 - truth, right)])
    with pytest.raises(InputError, match="blocks"):
        compare(evaluation(truth, right), [evaluation(truth[1:], right[1:])])
    with pytest.raises(InputError, match="1 block"):
        compare(evaluation(truth[:1], right[:1]), [evaluation(truth[:1], right[:1])])


@pytest.mark.parametrize("side", [20, 100, 300])
def test_the_advice_on_one_block_cuts_the_map_into_several(side: int) -> None:
    counts = count_pairs(np.eye(side, dtype=int), np.eye(side, dtype=int), 2)
    image = ImageEvaluation("p", "t", side, side, MapCounts(counts), (Block(0, 0, counts),))
    one = Evaluation(("a", "b"), Measures(), (image,))
    with pytest.raises(InputError, match="1 block") as refused:
        compare(one, [one])
    advised = re.search(r"--block (\d+) ", str(refused.value))
    assert advised
    assert 1 < Measures(block=int(advised[1])).block < side
