"""Accuracy by distance from the seams of the tiles that a map was made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import InputError
from tilesegm.grid.axis import Axis, plan_axis
from tilesegm.grid.tiling import Blend
from tilesegm.metrics.counts import Counts
from tilesegm.metrics.pair import Pair

__all__ = ["SEAM_ENDS", "SeamCounts", "SeamMap", "count_seams"]

SEAM_ENDS = (4, 8, 16, 32, 64, 128)
"""Upper ends, in pixels, of the bins of distance from a seam."""

_TILING = re.compile(
    r"tile (\d+) x (\d+), overlap (\d+), margin (\d+), blend (\w+)(?:, stride (\d+))?"
)


@dataclass(frozen=True)
class SeamCounts(Counts):
    """Pixels by distance from the nearest seam, ``(len(SEAM_ENDS) + 1,)`` each."""

    right: NDArray[np.int64]
    all: NDArray[np.int64]


@dataclass(frozen=True)
class SeamMap:
    """Which bin of distance from a seam each row and each column is in."""

    rows: NDArray[np.uint8]
    cols: NDArray[np.uint8]

    @classmethod
    def of_tiling(cls, text: str, height: int, width: int) -> SeamMap:
        """Lay the tiles again that a map's tag ``TILESEGM_TILING`` tells of.

        Neighbours change over in the middle of what both contribute to: that is the seam, cut or
        blended. A tag that names no stride is read as stride 1, which can misplace the last seam
        by less than the stride.

        Raises:
            InputError: the tag is not understood.
        """
        found = _TILING.fullmatch(text.strip())
        if found is None or found[5] not in get_args(Blend):
            raise InputError(
                f"TILESEGM_TILING is {text!r}; expected 'tile H x W, overlap N, margin N, blend "
                "NAME'; give a map that tilesegm wrote, or leave seams out"
            )
        tile_height, tile_width, overlap, margin = (int(found[n]) for n in range(1, 5))
        stride, blend = int(found[6] or 1), found[5]

        def bins(size: int, tile: int) -> NDArray[np.uint8]:
            shared = min(overlap, tile - 1)
            inner = min(margin, shared // 2)
            axis = plan_axis(size, tile, shared, stride=stride, margin=inner, blend=blend)  # type: ignore[arg-type]
            return _bins(axis)

        return cls(bins(height, tile_height), bins(width, tile_width))


def _bins(axis: Axis) -> NDArray[np.uint8]:
    """Bin of each pixel along an axis."""
    centres = np.arange(axis.size) + 0.5
    distance = np.full(axis.size, np.inf)
    for early, late in pairwise(axis.spans):
        middle = (late.first + early.last) / 2
        np.minimum(distance, np.abs(centres - middle), out=distance)
    return np.searchsorted(SEAM_ENDS, distance).astype(np.uint8)


def count_seams(pair: Pair, seams: SeamMap, row: int, col: int) -> SeamCounts:
    """Count right pixels by distance from seams; ``row``, ``col`` are where the window begins."""
    core = pair.core
    height, width = core.truth.shape
    bins = np.minimum.outer(seams.rows[row : row + height], seams.cols[col : col + width])
    known = core.truth != core.unknown
    right = known & (core.truth == core.predicted)
    size = len(SEAM_ENDS) + 1
    counts = (np.bincount(bins[part], minlength=size).astype(np.int64) for part in (right, known))
    return SeamCounts(*counts)
