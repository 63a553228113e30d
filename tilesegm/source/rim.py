"""What shrinking a margin by a cell leaves of it, found again in parts of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tilesegm.grid.window import Window
from tilesegm.source.cells import Cells

__all__ = ["Rim", "find_rim"]

_CELLS = 2
"""Cells from a margin, within which its rim lies: one that it was shrunk by, and one that its edge
runs through."""
_AROUND = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Rim:
    """Parts of cells beside a margin, which are of its colour as all parts around them."""

    parts: NDArray[np.bool_]
    """``(rows, cols)``."""
    side: int
    """Of a part in pixels of the image; parts at its lower and right edge may be cut."""

    def covers(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is in such a part."""
        rows = np.arange(window.row, window.stop_row) // self.side
        cols = np.arange(window.col, window.stop_col) // self.side
        found: NDArray[np.bool_] = self.parts[np.ix_(rows, cols)]
        return found

    def pixels(self, size: tuple[int, int]) -> int:
        """Return how many pixels they have, in an image of a height and width."""
        down, along = (
            np.minimum(self.side, length - np.arange(count) * self.side)
            for length, count in zip(size, self.parts.shape, strict=True)
        )
        return int(down @ self.parts @ along)


def find_rim(cells: Cells, margins: NDArray[np.bool_], alike: NDArray[np.bool_]) -> Rim | None:
    """Grow margins back to one part before the first one of another colour.

    Whatever is as narrow as two parts is no bridge to the next surface of that colour, and parts
    that are farther than two cells stay.

    Args:
        cells: of the image, with parts.
        margins: ``(rows, cols)`` cells of margins, as they were shrunk.
        alike: parts whose pixels are all of a colour of margins.

    Returns:
        None where there is no more of it.
    """
    parts = cells.parts
    assert parts is not None
    near = ndimage.binary_dilation(margins, _AROUND, iterations=_CELLS)
    begun = _in_parts(margins, cells.side // parts.side, alike.shape)
    even = ndimage.binary_erosion(alike | ~parts.present, _AROUND, border_value=1)
    even &= alike & _in_parts(near, cells.side // parts.side, alike.shape)
    grown = ndimage.binary_propagation(begun, mask=begun | even) & ~begun
    return Rim(grown, parts.side) if grown.any() else None


def _in_parts(cells: NDArray[np.bool_], count: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return for each part what its cell is."""
    found: NDArray[np.bool_] = cells.repeat(count, 0).repeat(count, 1)
    return found[: shape[0], : shape[1]]
