"""Accuracy by distance from the seams of the tiles that a map was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.tiles import SEAM_DISTANCES, TileLayout
from tilesegm.metrics.counts import AccuracyByBin, histogram
from tilesegm.metrics.pair import WindowPair

__all__ = ["SeamMap", "count_seams"]


@dataclass(frozen=True)
class SeamMap:
    """Which bin of distance from a seam each row and each column is in."""

    rows: NDArray[np.uint8]
    cols: NDArray[np.uint8]

    @classmethod
    def of_layout(cls, layout: TileLayout, height: int, width: int) -> SeamMap:
        """Lay the tiles of a map again, and find the distance of each pixel from their seams.

        Neighbours change over in the middle of what both contribute to: that is the seam, cut or
        blended.
        """
        distances = (axis.seam_distance(0, axis.size) for axis in layout.axes(height, width))
        return cls(*(np.searchsorted(SEAM_DISTANCES, each).astype(np.uint8) for each in distances))


def count_seams(pair: WindowPair, seams: SeamMap, row: int, col: int) -> AccuracyByBin:
    """Count right pixels by distance from seams; ``row``, ``col`` are where the window begins."""
    core = pair.core
    height, width = core.truth.shape
    bins = np.minimum.outer(seams.rows[row : row + height], seams.cols[col : col + width])
    known = core.truth != core.unknown
    right = known & (core.truth == core.predicted)
    size = len(SEAM_DISTANCES) + 1
    return AccuracyByBin(*(histogram(bins[part], size) for part in (right, known)))
