"""Whether one map is better than another: paired bootstrap over blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import InputError
from tilesegm.metrics.counts import ratio
from tilesegm.metrics.evaluation import Evaluation

__all__ = ["Difference", "compare"]

_CHUNK = 64
"""Resamples that are summed at once."""


@dataclass(frozen=True)
class Difference:
    """By how much a map is better than the first one."""

    metric: str
    """``accuracy``, ``mean_iou`` or ``iou NAME`` of a class."""
    first: float
    """Score of the first map."""
    other: float
    """Score of the other map."""
    low: float
    """Lower end of the interval of ``other - first``."""
    high: float
    """Upper end."""

    @property
    def difference(self) -> float:
        """``other - first``."""
        return self.other - self.first

    @property
    def certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def compare(
    first: Evaluation,
    others: Sequence[Evaluation],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[tuple[Difference, ...], ...]:
    """Compare maps with a first one on the same truth.

    Blocks are drawn with replacement, the same for both maps, so what makes a block hard for both
    cancels out (Efron and Tibshirani 1993, percentile interval). Neighbouring pixels are alike:
    blocks must be larger than what is alike, or intervals come out too narrow.

    Args:
        first: evaluation of the map that others are compared with.
        others: evaluations of other maps against the same truth, with the same blocks.
        draws: number of resamples.
        level: fraction of them that lies in the interval.
        seed: of the random draws.

    Returns:
        For each of ``others`` its differences: accuracy, mean IoU, and IoU of each class.

    Raises:
        InputError: the evaluations differ in classes, images, blocks or truth, or have less than
            two blocks.
    """
    names = ("accuracy", "mean_iou", *(f"iou {name}" for name in first.classes))
    base = _blocks(first)
    results = []
    for other in others:
        theirs = _blocks(other)
        _check_same(first, other, base, theirs)
        blocks = len(base)
        random = np.random.default_rng(seed)
        drawn = []
        for start in range(0, draws, _CHUNK):
            count = min(_CHUNK, draws - start)
            times = random.multinomial(blocks, np.full(blocks, 1 / blocks), count).astype(float)
            drawn.append(_scores(times, theirs) - _scores(times, base))
        ends = _interval(np.concatenate(drawn), level)
        once = np.ones((1, blocks))
        scores = _scores(once, base)[0], _scores(once, theirs)[0]
        results.append(
            tuple(
                Difference(name, *map(float, values))
                for name, *values in zip(names, *scores, *ends, strict=True)
            )
        )
    return tuple(results)


def _blocks(evaluation: Evaluation) -> NDArray[np.float64]:
    """``(blocks, 3, K)``: right, true and predicted pixels of each class."""
    counts = [block.confusion for image in evaluation.images for block in image.blocks]
    classes = len(evaluation.classes)
    return np.array(
        [(np.diagonal(c), c.sum(1), c[:, :classes].sum(0)) for c in counts], np.float64
    ).reshape(len(counts), 3, classes)


def _check_same(
    first: Evaluation, other: Evaluation, base: NDArray[np.float64], theirs: NDArray[np.float64]
) -> None:
    places = [
        [(n, block.row, block.col) for n, image in enumerate(one.images) for block in image.blocks]
        for one in (first, other)
    ]
    if first.classes != other.classes or places[0] != places[1]:
        raise InputError(
            "evaluations to compare differ in classes, images or blocks; evaluate both with the "
            "same truth, area and settings"
        )
    if not np.array_equal(base[:, 1], theirs[:, 1]):
        raise InputError(
            "evaluations to compare have different true pixels; evaluate both with one truth"
        )
    if len(base) < 2:
        side = max((max(image.height, image.width) for image in first.images), default=0)
        smaller = max(min(first.measures.block, side) // 8, 16)
        raise InputError(
            f"there is {len(base)} block to resample; give smaller blocks, such as --block "
            f"{smaller} (Measures(block={smaller})), or more images"
        )


def _scores(times: NDArray[np.float64], blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(draws, 2 + K)`` accuracy, mean IoU and IoU, of blocks taken ``(draws, blocks)`` times."""
    right, true, predicted = np.moveaxis(np.tensordot(times, blocks, axes=1), 1, 0)
    iou = ratio(right, true + predicted - right)
    there = ~np.isnan(iou)
    mean = np.where(there, iou, 0).sum(1) / np.maximum(there.sum(1), 1)
    accuracy = right.sum(1) / true.sum(1)
    return np.column_stack([accuracy, mean, iou])


def _interval(values: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """``(2, metrics)`` ends of the middle of all draws; NaN for an absent class."""
    tail = (1 - level) / 2
    ends = np.full((2, values.shape[1]), np.nan)
    there = ~np.isnan(values).all(0)
    ends[:, there] = np.nanquantile(values[:, there], [tail, 1 - tail], axis=0)
    return ends
