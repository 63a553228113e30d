"""Counts of true against predicted classes, and every score that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.metrics.counts import ratio
from tilesegm.metrics.pair import clip_ids

__all__ = ["Scores", "count_confusion", "count_pairs", "mean"]

_SLAB = 1 << 17
"""Pixels counted at once: ``bincount`` widens its input to 64 bits, which then stays in cache."""


def count_pairs(
    truth: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Count pixels by true class (row) and predicted class (column).

    Pixels whose true label is no class (ignore, nodata) are left out. The last column counts
    predictions that are no class: mistakes, but no other class's false alarms.

    Args:
        truth: class ids of any integer type and shape.
        predicted: class ids of the same shape.
        classes: number of classes ``K``; ids run from 0 to ``K - 1``.

    Returns:
        ``(K, K + 1)`` counts, 64-bit: sums over maps of many gigapixels stay exact.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth is {truth.shape} and predicted {predicted.shape}; give one shape")
    side = classes + 1
    code = np.uint8 if side**2 <= 256 else np.uint16 if side**2 <= 65536 else np.int64
    counts = np.zeros(side**2, np.int64)
    flat_truth, flat_predicted = truth.reshape(-1), predicted.reshape(-1)
    for start in range(0, flat_truth.size, _SLAB):
        part = slice(start, start + _SLAB)
        pairs: NDArray[Any] = clip_ids(flat_truth[part], classes).astype(code)
        pairs *= code(side)
        pairs += clip_ids(flat_predicted[part], classes).astype(code)
        counts += np.bincount(pairs, minlength=side**2)
    return counts.reshape(side, side)[:classes]


def count_confusion(
    truth: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Count pixels by true class (row) and predicted class (column), ``(classes, classes)``.

    As `count_pairs`, but square: a prediction that is no class is counted for the next class in a
    circle, which is never the right one.
    """
    pairs = count_pairs(truth, predicted, classes)
    square = pairs[:, :classes].copy()
    every = np.arange(classes)
    square[every, (every + 1) % classes] += pairs[:, classes]
    return square


@dataclass(frozen=True)
class Scores:
    """Scores of a confusion matrix; rows are true classes, columns predicted ones.

    Undefined scores of a class are NaN: IoU and Dice of a class that is neither there nor
    predicted, recall of one that is not there, precision of one that is not predicted.
    Means over classes leave NaN out.
    """

    confusion: NDArray[np.int64]
    """``(K, K)``, or ``(K, K + 1)`` with predictions that are no class in the last column."""

    @property
    def pixels(self) -> int:
        """Number of pixels with a true class."""
        return int(self.confusion.sum())

    @property
    def true(self) -> NDArray[np.int64]:
        """``(K,)`` pixels of each class in the truth."""
        return np.asarray(self.confusion.sum(1))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """``(K,)`` pixels of each class in the prediction."""
        return np.asarray(self.confusion[:, : len(self.confusion)].sum(0))

    @property
    def right(self) -> NDArray[np.int64]:
        """``(K,)`` pixels of each class that are predicted as it."""
        return np.diagonal(self.confusion)

    @property
    def accuracy(self) -> float:
        """Fraction of pixels classified correctly; also micro precision and recall over classes."""
        return float(ratio(self.right.sum(), self.pixels))

    @property
    def iou(self) -> NDArray[np.float64]:
        """``(K,)`` intersection over union (Jaccard index)."""
        return ratio(self.right, self.true + self.predicted - self.right)

    @property
    def dice(self) -> NDArray[np.float64]:
        """``(K,)`` Dice coefficient, which is the F1 score of pixels."""
        return ratio(2 * self.right, self.true + self.predicted)

    @property
    def precision(self) -> NDArray[np.float64]:
        """``(K,)`` fraction of the pixels predicted as a class that belong to it."""
        return ratio(self.right, self.predicted)

    @property
    def recall(self) -> NDArray[np.float64]:
        """``(K,)`` fraction of the pixels of a class that are predicted as it."""
        return ratio(self.right, self.true)

    @property
    def mean_iou(self) -> float:
        """Mean of IoU over classes (macro)."""
        return mean(self.iou)

    @property
    def mean_dice(self) -> float:
        """Mean of Dice over classes (macro)."""
        return mean(self.dice)

    @property
    def micro_iou(self) -> float:
        """IoU of counts summed over classes: large classes decide."""
        return float(ratio(self.right.sum(), (self.true + self.predicted - self.right).sum()))

    @property
    def micro_dice(self) -> float:
        """Dice of counts summed over classes; equals accuracy when every pixel is predicted."""
        return float(ratio(2 * self.right.sum(), (self.true + self.predicted).sum()))

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU weighted by the share of each class in the truth."""
        return float(ratio((np.nan_to_num(self.iou) * self.true).sum(), self.pixels))

    @property
    def kappa(self) -> float:
        """Agreement beyond chance (Cohen 1960); NaN where chance alone agrees everywhere."""
        n = float(self.pixels)
        if not n:
            return float("nan")
        chance = float((self.true / n * (self.predicted / n)).sum())
        return float(ratio(self.accuracy - chance, 1 - chance))


def mean(values: NDArray[np.float64]) -> float:
    """Mean of what is not NaN; NaN when nothing is left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
