"""Results on the grid of the image, of a network that sees it with other pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.source.area import Area
from tilesegm.source.base import Source
from tilesegm.source.kernel import Kernel

__all__ = ["STRIP", "Regrid", "SeenArea"]

STRIP = 64
"""Rows of the result that are decided at once."""


@dataclass(frozen=True)
class Regrid:
    """How scores come from the grid that the network sees to that of the image."""

    rows: Kernel
    cols: Kernel
    image: Source | None = None
    """The image, which tells what pixels are missing; None where none can be."""
    area: Area | None = None
    """Pixels of interest; None for all."""

    def seen(self, window: Window) -> Window:
        """Return the pixels that the network must score for a window of the result."""
        top, bottom = self.rows.reach(window.row, window.stop_row)
        left, right = self.cols.reach(window.col, window.stop_col)
        return Window(top, left, bottom - top, right - left)

    def wanted(self, window: Window) -> NDArray[np.bool_] | None:
        """Return which pixels of a window of the result get a class; None for all."""
        valid = None if self.image is None else self.image.read(window).valid
        if self.area is None:
            return valid
        inside = self.area.mask(window)
        return inside if valid is None else inside & valid


class SeenArea:
    """An area of interest of the image on the grid that the network sees.

    A pixel is of interest where one that it covers is, so that none is left without scores.
    """

    def __init__(self, area: Area, rows: Kernel, cols: Kernel) -> None:
        """Take an area on the grid of the image, and how that becomes the one that is seen."""
        self._area, self._rows, self._cols = area, rows, cols
        self.reading, self.notes = area.reading, area.notes
        self.identity, self.files = area.identity, area.files

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        found = []
        for part in window.tiles(STRIP, window.width):
            top, bottom = self._rows.reach(part.row, part.stop_row)
            left, right = self._cols.reach(part.col, part.stop_col)
            inside = self._area.mask(Window(top, left, bottom - top, right - left))
            rows = self._rows.taps(part.row, part.stop_row).counted_from(top)
            cols = self._cols.taps(part.col, part.stop_col).counted_from(left)
            found.append(cols.any(rows.any(inside, 0), 1))
        return np.concatenate(found)
