"""Offsets of log-probabilities that make a score of the class map as high as they can."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.decision_rule import STEPS
from tilesegm.metrics.confusion import count_pairs
from tilesegm.metrics.counts import ratio

__all__ = ["Measure", "best_step", "measure_of", "search_offsets"]

Measure = Literal["mean_iou", "mean_dice"]

_GRID = np.arange(-256, 257) / 32
"""Offsets that are tried: from -8 to 8, so that a class may win that is 3000 times less likely."""
_ROUNDS = 20
"""Rounds over all classes; the search mostly ends after three or four."""


def measure_of(
    right: NDArray[Any], true: NDArray[Any], predicted: NDArray[Any], measure: Measure
) -> NDArray[np.float64]:
    """Mean IoU or Dice over the classes that occur in the truth.

    Args:
        right: ``(K, ...)`` pixels classified correctly.
        true: ``(K, ...)`` pixels of each class in the truth.
        predicted: ``(K, ...)`` pixels that are predicted as each class.
        measure: which.

    Returns:
        ``(...)``; NaN without labels.
    """
    union = true + predicted
    values = ratio(right, union - right) if measure == "mean_iou" else ratio(2 * right, union)
    shown = true > 0
    return ratio(np.where(shown, values, 0).sum(0), shown.sum(0))


def best_step(
    positive: NDArray[np.int64], negative: NDArray[np.int64], measure: Measure
) -> int | None:
    """Return the threshold of the second of two classes with the best score.

    Args:
        positive: ``(STEPS + 1,)`` pixels of the second class by their probability.
        negative: ``(STEPS + 1,)`` those of the first class.
        measure: what is made as high as possible.

    Returns:
        A step above 0 and below `STEPS`, of equals the one nearest to one half; None where a class
        has no pixel.
    """
    totals = np.array([negative.sum(), positive.sum()])[:, None]
    if not totals.all():
        return None
    found, false = (counts[::-1].cumsum()[::-1][1:STEPS] for counts in (positive, negative))
    right = np.stack([totals[0] - false, found])
    predicted = np.stack([totals.sum() - found - false, found + false])
    values = measure_of(right, np.broadcast_to(totals, right.shape), predicted, measure)
    steps = 1 + np.flatnonzero(values == values.max())
    return int(steps[np.abs(steps - STEPS / 2).argmin()])


def search_offsets(
    scores: NDArray[np.float32], truth: NDArray[Any], measure: Measure
) -> tuple[float, ...]:
    """Search the offset of one class after the other, until none gives a better score.

    The score at all offsets of a class is exact and follows from one histogram: where the class
    wins over the best of the others, whose pixels it takes.

    Args:
        scores: ``(K, N)`` logarithms of probabilities, up to a constant of each pixel.
        truth: ``(N,)`` class ids.
        measure: what is made as high as possible.

    Returns:
        ``(K,)`` offsets; 0 for a class that does not occur in the truth.
    """
    classes = len(scores)
    true = np.bincount(truth, minlength=classes)
    offsets = np.zeros(classes)
    start = best = _value(scores, truth, offsets, measure)
    for _ in range(_ROUNDS):
        before = best
        for number in np.flatnonzero(true):
            values = _values_of(scores, truth, offsets, int(number), measure)
            top = np.flatnonzero(values >= values.max() - 1e-12)
            if values[top[0]] > best + 1e-12:
                chosen = top[np.abs(_GRID[top] - offsets[number]).argmin()]
                offsets[number], best = _GRID[chosen], values[chosen]
        if best == before:
            break
    # Counted as the map is decided, with its roundings.
    kept = _value(scores, truth, offsets, measure) > start
    return tuple(offsets.tolist()) if kept else (0.0,) * classes


def _value(
    scores: NDArray[np.float32], truth: NDArray[Any], offsets: NDArray[np.float64], measure: Measure
) -> float:
    predicted = (scores + offsets[:, None].astype(np.float32)).argmax(axis=0)
    counts = count_pairs(truth, predicted, len(scores))[:, :-1]
    return float(measure_of(counts.diagonal(), counts.sum(1), counts.sum(0), measure))


def _values_of(
    scores: NDArray[np.float32],
    truth: NDArray[Any],
    offsets: NDArray[np.float64],
    number: int,
    measure: Measure,
) -> NDArray[np.float64]:
    """Score at each offset of one class, those of the others being as they are."""
    classes, bins = len(scores), len(_GRID) + 1
    others = scores + offsets[:, None].astype(np.float32)
    others[number] = -np.inf
    rival = others.argmax(axis=0)
    lead = np.take_along_axis(others, rival[None], 0)[0] - scores[number]
    # The first offset of the grid at which the class takes the pixel; the last bin is never.
    won_at = np.searchsorted(_GRID, lead, side="right")

    def by_rival(part: NDArray[Any] | slice) -> NDArray[np.int64]:
        """Count the pixels that each class loses up to each offset, ``(K, bins - 1)``."""
        codes = rival[part] * bins + won_at[part]
        counts = np.bincount(codes, minlength=classes * bins).reshape(classes, bins)
        return np.asarray(counts.cumsum(1))

    lost, lost_right = by_rival(slice(None)), by_rival(truth == rival)
    predicted = lost[:, -1:] - lost[:, :-1]
    right = lost_right[:, -1:] - lost_right[:, :-1]
    predicted[number] = lost[:, :-1].sum(0)
    right[number] = np.bincount(won_at[truth == number], minlength=bins).cumsum()[:-1]
    true = np.broadcast_to(np.bincount(truth, minlength=classes)[:, None], right.shape)
    return measure_of(right, true, predicted, measure)
