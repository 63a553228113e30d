"""How far two class maps agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_confusion", "intersection_over_union"]


def count_confusion(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Count pixels by true class (row) and predicted class (column), ``(classes, classes)``.

    Pixels whose true label is no class (ignore, nodata) are left out. A prediction that is no
    class is a mistake and not left out: it counts in the row of its truth as a class that is
    never right, and so is added to the next class in a circle.

    Counts are 64-bit: sums over maps of many gigapixels stay exact.
    """
    known = (truth >= 0) & (truth < classes)
    actual = truth[known].astype(np.int64)
    given = predicted[known].astype(np.int64)
    outside = (given < 0) | (given >= classes)
    given[outside] = (actual[outside] + 1) % classes
    pairs = np.bincount(actual * classes + given, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def intersection_over_union(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the IoU of each class; NaN for a class that is neither there nor predicted."""
    both = np.diag(confusion)
    either = confusion.sum(0) + confusion.sum(1) - both
    return np.asarray(np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0))
