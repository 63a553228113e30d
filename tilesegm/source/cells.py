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

__all__ = ["Cells", "Parts", "gather", "read_cells", "small_side", "smaller_level"]

_MOST = 1 << 22
"""Pixels of a level from which on a smaller one is looked for."""
_CELLS = 1 << 20
"""Most cells that pixels are gathered in."""
_SIDE, _FEWEST = 8, 32
"""Least side of a cell in pixels, and cells along the shorter side of a small image, where they are
smaller for it."""
_PARTS = 1 << 21
"""Most parts of cells."""
_READ = 1 << 20
"""Pixels that are read together, as far as blocks allow."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The values of an image by squares that cells are made of."""

    low: NDArray[Any]
    """``(rows, cols, bands)``, the lowest value of each part."""
    high: NDArray[Any]
    """The highest."""
    present: NDArray[np.bool_]
    """``(rows, cols)``, False where all pixels of a part are missing."""
    side: int
    """Of a part in pixels, of which that of a cell is a multiple."""


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
    parts: Parts | None = None
    """Smaller squares, where all pixels of the image were read and cells have several."""

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
    """Read an image in cells; all of its pixels, in parts too, where it has no smaller levels.

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
        return gather(level or source, side, 0 if level else _part_side(info, side))


def _part_side(info: ImageInfo, side: int) -> int:
    """Return the side of the smallest parts of cells that there may be; 0 for none."""
    sides = [side // n for n in range(side, 1, -1) if side % n == 0]
    few = (n for n in sides if -(-info.height // n) * -(-info.width // n) <= _PARTS)
    return next(few, 0)


def small_side(info: ImageInfo) -> int:
    """Return the side of the cells in which the pixels of a small image are gathered."""
    return min(_SIDE, max(1, min(info.height, info.width) // _FEWEST))


def gather(source: Source, side: int, part: int = 0) -> Cells:
    """Read all pixels of an image in cells of so many rows and columns.

    Args:
        source: the image.
        side: rows and columns of a cell.
        part: rows and columns of its parts; 0 for none.

    Raises:
        SourceError: pixels cannot be read.
    """
    info = source.info
    low, high, present = _empty(info, side)
    mean = np.empty(low.shape, np.float32)
    parts = _empty(info, part) if part else None
    for window in _strips(source, side):
        pixels = source.read(window)
        place = _place(window, side)
        low[place], high[place], mean[place], present[place] = _reduce(pixels, side)
        if parts is not None:
            place = _place(window, part)
            for known, found in zip(parts, _range(pixels, part), strict=True):
                known[place] = found
    return Cells(
        low=low,
        high=high,
        mean=mean,
        present=present,
        level=(info.height, info.width),
        side=side,
        parts=parts and Parts(low=parts[0], high=parts[1], present=parts[2], side=part),
    )


def _empty(info: ImageInfo, side: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Return arrays for the lowest and highest values of cells, and for which have a pixel."""
    rows, cols = -(-info.height // side), -(-info.width // side)
    low = np.empty((rows, cols, info.bands), info.dtype)
    return low, np.empty_like(low), np.empty((rows, cols), bool)


def _place(window: Window, side: int) -> tuple[slice, slice]:
    """Return the cells of a window."""
    rows = slice(window.row // side, -(-window.stop_row // side))
    return rows, slice(window.col // side, -(-window.stop_col // side))


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
    summed = values.astype(np.float32)
    if valid is not None:
        summed = np.where(valid[..., None], summed, np.float32(0))
    mean = _by_cell(np.add, summed, side) / np.maximum(total, 1)[..., None]
    low, high, present = _range(pixels, side)
    return low, high, mean, present


def _range(pixels: Pixels, side: int) -> tuple[NDArray[Any], ...]:
    """Return the lowest and highest values of cells, and which of them have a pixel."""
    values, valid = pixels.values, pixels.valid
    if valid is None:
        present = np.ones(values.shape[:2], bool)
        lowest = highest = values
    else:
        ends = np.iinfo(values.dtype) if values.dtype.kind in "iu" else np.finfo(values.dtype)
        present, hidden = valid, ~valid[..., None]
        lowest = np.where(hidden, values.dtype.type(ends.max), values)
        highest = np.where(hidden, values.dtype.type(ends.min), values)
    low, high = _by_cell(np.minimum, lowest, side), _by_cell(np.maximum, highest, side)
    return low, high, _by_cell(np.logical_or, present, side)


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
