"""Distances between the borders of truth and prediction: boundary F1, surface distance, Hausdorff.

All scores follow from histograms of squared distances, which are integers: counted by windows and
added up they are those of the whole image to the last pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.metrics.counts import Counts, histogram, ratio
from tilesegm.metrics.pair import WindowPair

__all__ = ["SurfaceCounts", "border", "count_surfaces", "squared_distances"]


@dataclass(frozen=True)
class SurfaceCounts(Counts):
    """Border pixels by class and squared distance to the nearest of the class in the other map.

    Both are ``(K, cap * cap + 2)``; the last column counts distances above the cap.
    """

    true: NDArray[np.int64]
    """From borders of the truth to those of the prediction."""
    predicted: NDArray[np.int64]
    """From borders of the prediction to those of the truth."""

    @property
    def cap(self) -> int:
        """Greatest distance in pixels that is measured, not only counted as longer."""
        return int(np.sqrt(self.true.shape[1] - 2))

    def boundary_f1(self, tolerance: float) -> NDArray[np.float64]:
        """``(K,)`` harmonic mean of the parts of both borders within ``tolerance`` of the other.

        Csurka et al. 2013. NaN for a class without borders in the truth; 0 for one that has
        them there alone.
        """
        near, length = self._within(tolerance)
        parts = ratio(near, length, otherwise=0)
        f1 = ratio(2 * parts.prod(0), parts.sum(0), otherwise=0)
        return np.where(length[0] > 0, f1, np.nan)

    def surface_dice(self, tolerance: float) -> NDArray[np.float64]:
        """``(K,)`` fraction of border pixels within ``tolerance`` of the other map's border.

        Known as normalised surface distance (Nikolov et al. 2018), counted in border pixels. NaN
        for a class without borders in the truth.
        """
        near, length = self._within(tolerance)
        return ratio(near.sum(0), length.sum(0), where=length[0] > 0)

    def hausdorff(self, percentile: float = 95) -> NDArray[np.float64]:
        """``(K,)`` the greater of both directions' percentile of distances, in pixels.

        Infinite where it is above the cap, or the class has borders in the truth only; NaN where
        it has none there. Between two distances the percentile is interpolated linearly.
        """
        ends = [
            [_percentile(row, percentile) for row in side] for side in (self.true, self.predicted)
        ]
        known, found = self.true.any(1), self.predicted.any(1)
        distance = np.where(found, np.fmax(*np.asarray(ends, np.float64)), np.inf)
        return np.where(known, distance, np.nan)

    def _within(self, tolerance: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """``(2, K)`` border pixels of truth and prediction: those that are near, and all."""
        if not 0 <= tolerance <= self.cap:
            raise ValueError(f"tolerance is {tolerance}; distances are known from 0 to {self.cap}")
        stop = int(tolerance * tolerance) + 1
        sides = np.stack([self.true, self.predicted])
        return sides[..., :stop].sum(-1), sides.sum(-1)


def _percentile(counts: NDArray[np.int64], percentile: float) -> float:
    """Percentile of distances, given how often each squared one occurs; the last is infinite."""
    total = int(counts.sum())
    if not total:
        return float("nan")
    rank, rest = divmod((total - 1) * percentile, 100)
    ends = np.searchsorted(np.cumsum(counts), [int(rank), min(int(rank) + 1, total - 1)], "right")
    low, high = (float("inf") if end == len(counts) - 1 else float(end) ** 0.5 for end in ends)
    return low if not rest or low == high else low + (high - low) * rest / 100


def border(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return ``(height, width)``, True where one of four neighbours is known and of another class.

    The greatest id of the type is unknown: it has no border and makes none.
    """
    known = labels != np.iinfo(labels.dtype).max
    edge = np.zeros(labels.shape, bool)
    for first, second in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        differs = (labels[first] != labels[second]) & known[first] & known[second]
        edge[first] |= differs
        edge[second] |= differs
    return edge


def count_surfaces(pair: WindowPair, cap: int) -> SurfaceCounts:
    """Count distances between borders up to ``cap`` pixels; the halo must be ``cap + 1`` wide."""
    edges = border(pair.truth), border(pair.predicted)
    inside = np.zeros(pair.truth.shape, bool)
    inside[pair.inner] = True
    # Most border pixels of a good map lie on the other's: no need to search for those.
    shared = edges[0] & edges[1] & (pair.truth == pair.predicted)
    at_once = histogram(pair.truth[shared & inside], pair.classes)
    rest = inside & ~shared
    sides = []
    for mine, my_edge, other, other_edge in (
        (pair.truth, edges[0], pair.predicted, edges[1]),
        (pair.predicted, edges[1], pair.truth, edges[0]),
    ):
        counts = np.zeros((pair.classes, cap * cap + 2), np.int64)
        counts[:, 0] = at_once
        places = np.nonzero(my_edge & rest)
        ids = mine[places]
        for number in np.unique(ids[ids < pair.classes]):
            rows, cols = (axis[ids == number] for axis in places)
            # The part of the other map that can be reached from these pixels is searched.
            top, left = max(int(rows.min()) - cap, 0), max(int(cols.min()) - cap, 0)
            part = slice(top, int(rows.max()) + cap + 1), slice(left, int(cols.max()) + cap + 1)
            target = (other[part] == number) & other_edge[part]
            found = squared_distances(target, rows - top, cols - left, cap)
            counts[number] += histogram(found, cap * cap + 2)
        sides.append(counts)
    return SurfaceCounts(*sides)


def squared_distances(
    target: NDArray[np.bool_], rows: NDArray[np.intp], cols: NDArray[np.intp], cap: int
) -> NDArray[np.int32]:
    """Squared distance of each place to the nearest True pixel; ``cap ** 2 + 1`` above the cap.

    Exact: the distance along a column is known for all pixels, and from each place columns are
    tried outwards until none can be nearer.

    Args:
        target: ``(height, width)``.
        rows: rows of the places.
        cols: columns of the places.
        cap: greatest distance to search, in pixels.
    """
    far = cap * cap + 1
    best = np.full(rows.size, far, np.int32)
    if not target.any():
        return best
    width = target.shape[1]
    up_down = _column_distance(target, cap)
    active = np.arange(rows.size)
    for aside in range(cap + 1):
        active = active[best[active] > aside * aside]
        if not active.size:
            break
        for col in (cols[active] - aside, cols[active] + aside):
            inside = (col >= 0) & (col < width)
            places = active[inside]
            found = up_down[rows[places], col[inside]].astype(np.int32)
            best[places] = np.minimum(best[places], found * found + aside * aside)
    return np.minimum(best, far)


def _column_distance(target: NDArray[np.bool_], cap: int) -> NDArray[np.uint16]:
    """Distance to the nearest True pixel of the same column, at most ``cap + 1``."""
    distance = np.where(target, np.uint16(0), np.uint16(cap + 1))
    step = np.empty(target.shape[1:], np.uint16)
    # A row at a time: whole rows stay in cache, and are ten times quicker than running minima.
    for rows in (distance, distance[::-1]):
        for before, row in pairwise(rows):
            np.add(before, 1, out=step)
            np.minimum(row, step, out=row)
    return distance
