"""Bands along class borders: boundary IoU, and accuracy by distance from a border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.metrics.counts import AccuracyByBin, Counts, histogram, ratio
from tilesegm.metrics.pair import WindowPair

__all__ = ["DEPTHS", "BandCounts", "border_depth", "count_bands", "count_depths"]

DEPTHS = (1, 2, 4, 8, 16)
"""Upper ends, in pixels, of the bins of distance from a border of the truth."""


@dataclass(frozen=True)
class BandCounts(Counts):
    """Pixels of each class that lie in its band along borders, ``(K,)`` each."""

    both: NDArray[np.int64]
    """In the bands of truth and prediction, and of the same class in both."""
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """``(K,)`` boundary IoU (Cheng et al. 2021); NaN for a class without a border in the truth.

        Where the truth has no border there is none to be found, and 0 would blame the map for it.
        """
        return ratio(self.both, self.true + self.predicted - self.both, where=self.true > 0)


def border_depth(labels: NDArray[Any], radii: Sequence[int]) -> NDArray[np.uint8]:
    """Say between which of ``radii`` the nearest pixel of another class lies.

    Distance is that of the chessboard, as in the reference implementation of boundary IoU, which
    erodes by squares. The greatest id of the type is unknown and never another class, so neither
    the edge of an image nor the edge of what is known makes a border.

    Two running extremes, the least and the greatest id within reach, serve all classes at once:
    where both equal the pixel's own id there is no other.

    Args:
        labels: ``(height, width)`` unsigned class ids.
        radii: ascending, in pixels.

    Returns:
        ``(height, width)``: ``n`` when the distance is above ``radii[n - 1]`` and at most
        ``radii[n]``; ``len(radii)`` when it is above all.
    """
    unknown = np.iinfo(labels.dtype).max
    least, greatest = labels, np.where(labels == unknown, labels.dtype.type(0), labels)
    depth = np.zeros(labels.shape, np.uint8)
    reach = 0
    for radius in radii:
        while reach < radius:
            # Squares of radius ``reach`` around three pixels join without a gap.
            step = min(2 * reach + 1, radius - reach)
            least = _widen(least, step, np.minimum)
            greatest = _widen(greatest, step, np.maximum)
            reach += step
        depth += (least == labels) & (greatest == labels)
    return depth


def _widen(values: NDArray[Any], step: int, pick: np.ufunc) -> NDArray[Any]:
    """Take the extreme of each pixel and those ``step`` away, or at the edge, along both axes."""
    for _ in range(2):
        values = values.T
        wider = values.copy(order="K")
        pick(wider[step:], values[:-step], out=wider[step:])
        pick(wider[:-step], values[step:], out=wider[:-step])
        pick(wider[:step], values[:1], out=wider[:step])
        pick(wider[-step:], values[-1:], out=wider[-step:])
        values = wider
    return values


def count_bands(pair: WindowPair, radius: int) -> BandCounts:
    """Count the bands of ``radius`` pixels along borders; the halo must be as wide.

    The band of a class holds its pixels that are at most ``radius`` from a pixel of another.
    """
    core = pair.core
    near_true = border_depth(pair.truth, [radius])[pair.inner] == 0
    near_predicted = border_depth(pair.predicted, [radius])[pair.inner] == 0
    shared = near_true & near_predicted & (core.truth == core.predicted)
    return BandCounts(
        histogram(core.truth[shared], pair.classes),
        histogram(core.truth[near_true], pair.classes),
        histogram(core.predicted[near_predicted], pair.classes),
    )


def count_depths(pair: WindowPair) -> AccuracyByBin:
    """Count right pixels by distance from borders of the truth; the halo must be `DEPTHS` wide."""
    core = pair.core
    depth = border_depth(pair.truth, DEPTHS)[pair.inner]
    known = core.truth != pair.unknown
    right = known & (core.truth == core.predicted)
    return AccuracyByBin(*(histogram(depth[part], len(DEPTHS) + 1) for part in (right, known)))
