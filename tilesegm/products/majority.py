"""The most frequent class around each pixel, strip by strip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tilesegm.products.class_map import ClassMap, Strip
from tilesegm.source.base import ImageInfo
from tilesegm.source.ground import RowAreas

__all__ = ["SmoothMap", "most_frequent"]


class SmoothMap:
    """A class map whose pixels have the most frequent class of the square around them.

    Args:
        class_map: the map.
        side: of the square in pixels, an odd number.
    """

    def __init__(self, class_map: ClassMap, side: int) -> None:
        self._map, self._reach = class_map, side // 2
        self.info: ImageInfo = class_map.info
        self.ground: RowAreas = class_map.ground
        self.has_confidence = False

    def strips(self, *, confidence: bool = False) -> Iterator[Strip]:
        """Give all rows from top to bottom; confidence is not given."""
        reach, height = self._reach, self.info.height
        kept = np.zeros((0, self.info.width), np.int32)
        top, done = 0, 0
        for strip in self._map.strips():
            kept = np.concatenate([kept, strip.ids])
            known = top + len(kept)
            ready = known if known == height else known - reach
            if ready <= done:
                continue
            smooth = most_frequent(kept, reach)[done - top : ready - top]
            yield Strip(done, smooth)
            done = ready
            start = max(done - reach, top)
            kept, top = kept[start - top :], start


def most_frequent(ids: NDArray[np.int32], reach: int) -> NDArray[np.int32]:
    """Return the most frequent id of the square around each pixel.

    Of equally frequent ones a pixel keeps its own, or takes the lowest. Pixels without a class
    (-1) do not count and stay.

    Args:
        ids: ``(rows, width)``.
        reach: pixels on each side of the middle.
    """
    most = (2 * reach + 1) ** 2
    counts = np.dtype(np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.uint32)
    best, own = np.zeros(ids.shape, counts), np.zeros(ids.shape, counts)
    result = ids.copy()
    for kind in np.flatnonzero(np.bincount(ids[ids >= 0])):
        here = ids == kind
        count = _sums(_sums(here.astype(counts), reach).T, reach).T
        np.copyto(own, count, where=here)
        more = count > best
        np.copyto(best, count, where=more)
        np.copyto(result, kind, where=more, casting="unsafe")
    np.copyto(result, ids, where=(own == best) | (ids < 0))
    return result


def _sums(values: NDArray[np.unsignedinteger], reach: int) -> NDArray[np.unsignedinteger]:
    """Add up the values within ``reach`` rows of each."""
    rows, total = len(values), values.copy()
    for step in range(1, min(reach, rows - 1) + 1):
        total[step:] += values[:-step]
        total[:-step] += values[step:]
    return total
