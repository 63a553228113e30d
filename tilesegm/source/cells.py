"""An image in coarse cells: from one of its smaller levels, or from all of its pixels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import InputError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels, Source
from tilesegm.source.placement import ByProportion

__all__ = ["Cells", "gather", "read_cells", "small_side", "smaller_level"]

_MOST = 1 << 22
"""Pixels of a level from which on a smaller one is looked for."""
_CELLS = 1 << 20
"""Most cells that pixels are gathered in."""
_SIDE, _FEWEST = 8, 32
"""Least side of a cell in pixels, and cells along the shorter side of a small image, where they are
smaller for it."""
_READ = 1 << 22
"""Pixels that are read together, as far as blocks allow."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The values of an image by cells of a coarse grid, which covers it."""

    low: NDArray[Any]
    """``(rows, cols, bands)``, the lowest value of each cell."""
    high: NDArray[Any]
    """The highest."""
    mean: NDArray[np.float32]
    """The mean."""
    present: NDArray[np.bool_]
    """``(rows, cols)``, False where all pixels of a cell are missing."""
    level: tuple[int, int]
    """Height and width of the image that they were found in."""
    side: int
    """Of a cell in pixels of that image; cells at its lower and right edge may be cut."""

    @property
    def how(self) -> str:
        """What they were found in, in words."""
        return (
            f"cells of {self.side} x {self.side} pixels"
            if self.side > 1
            else f"its level of {self.level[0]} x {self.level[1]} pixels"
        )

    def places(self, window: Window, size: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the rows and columns of cells that the pixels of a window lie in.

        Args:
            window: of the full image.
            size: height and width of that.
        """
        rows, cols = ByProportion(size, self.level).places(window)
        return rows // self.side, cols // self.side


def smaller_level(opener: Callable[[int], Source], most: int = _MOST) -> Source | None:
    """Open the finest smaller level of an image that has few pixels, or the coarsest; None: none.

    Args:
        opener: opens a level, counted from 0; raises `InputError` where there is none.
        most: pixels that are few.
    """
    found: Source | None = None
    level = 1
    while found is None or found.info.pixels > most:
        try:
            following = opener(level)
        except InputError:
            break
        if found is not None:
            found.close()
        found, level = following, level + 1
    return found


def read_cells(source: Source, opener: Callable[[int], Source]) -> Cells:
    """Read an image in cells; all of its pixels where it has no smaller levels.

    Args:
        source: the image.
        opener: opens another level of it; see `smaller_level`.

    Raises:
        SourceError: pixels cannot be read.
    """
    with ExitStack() as opened:
        level = smaller_level(opener)
        if level is not None:
            opened.callback(level.close)
        info = (level or source).info
        side = 1 if level else small_side(info)
        while -(-info.height // side) * -(-info.width // side) > (_MOST if level else _CELLS):
            side *= 2
        return gather(level or source, side)


def small_side(info: ImageInfo) -> int:
    """Return the side of the cells in which the pixels of a small image are gathered."""
    return min(_SIDE, max(1, min(info.height, info.width) // _FEWEST))


def gather(source: Source, side: int) -> Cells:
    """Read all pixels of an image in cells of so many rows and columns.

    Raises:
        SourceError: pixels cannot be read.
    """
    info = source.info
    rows, cols = -(-info.height // side), -(-info.width // side)
    low = np.empty((rows, cols, info.bands), info.dtype)
    high, mean = np.empty_like(low), np.empty(low.shape, np.float32)
    present = np.empty((rows, cols), bool)
    for window in _strips(source, side):
        top, left = window.row // side, window.col // side
        bottom, right = -(-window.stop_row // side), -(-window.stop_col // side)
        place = slice(top, bottom), slice(left, right)
        low[place], high[place], mean[place], present[place] = _reduce(source.read(window), side)
    return Cells(
        low=low, high=high, mean=mean, present=present, level=(info.height, info.width), side=side
    )


def _strips(source: Source, side: int) -> list[Window]:
    """Cut an image into windows of whole cells, of whole blocks as far as memory allows."""
    info = source.info
    block = -(-info.block[0] // side) * side
    rows = block * max(1, _READ // (block * info.width))
    cols = info.width
    if rows * cols > 4 * _READ:
        rows = side * max(1, block // side)
        cols = side * max(1, 4 * _READ // (rows * side))
    return list(info.window.tiles(rows, cols))


def _reduce(pixels: Pixels, side: int) -> tuple[NDArray[Any], ...]:
    """Return the lowest, highest and mean values of cells, and which of them have a pixel."""
    values, valid = pixels.values, pixels.valid
    counts = np.ones(values.shape[:2], np.float32) if valid is None else valid.astype(np.float32)
    total = _by_cell(np.add, counts, side)
    lowest = highest = values
    summed = values.astype(np.float32)
    if valid is not None:
        ends = np.iinfo(values.dtype) if values.dtype.kind in "iu" else np.finfo(values.dtype)
        hidden = ~valid[..., None]
        lowest = np.where(hidden, values.dtype.type(ends.max), values)
        highest = np.where(hidden, values.dtype.type(ends.min), values)
        summed = np.where(hidden, np.float32(0), summed)
    present = total > 0
    mean = _by_cell(np.add, summed, side) / np.maximum(total, 1)[..., None]
    low, high = _by_cell(np.minimum, lowest, side), _by_cell(np.maximum, highest, side)
    return low, high, mean, present


def _by_cell(combine: np.ufunc, values: NDArray[Any], side: int) -> NDArray[Any]:
    """Combine the values of each cell; several times quicker than ``reduceat``."""
    if side == 1:
        return values
    combined = values[::side].copy()
    for row in range(1, side):
        part = values[row::side]
        combine(combined[: len(part)], part, out=combined[: len(part)])
    found = combined[:, ::side].copy()
    for col in range(1, side):
        part = combined[:, col::side]
        combine(found[:, : part.shape[1]], part, out=found[:, : part.shape[1]])
    return found
