"""Reads an image by whole blocks, and keeps the rows that the window below needs again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tilesegm.grid.window import Window
from tilesegm.source.base import Pixels, Source

__all__ = ["KeptRows"]

_SHARED = 2
"""Rows that windows below each other may share."""


@dataclass
class KeptRows:
    """An image that is read from top to bottom, in windows that share rows; no block twice."""

    source: Source
    most: int
    """Pixels up to which whole blocks are read."""
    _at: Window | None = None
    _kept: Pixels | None = None

    def read(self, window: Window) -> Pixels:
        """Read ``window``, which lies inside the image.

        Raises:
            SourceError: the pixels cannot be read.
        """
        info = self.source.info
        block = info.block[0]
        start = window.row // block * block
        stop = min(-(-window.stop_row // block) * block, info.height)
        if (stop - start) * window.width > self.most:
            start, stop = window.row, window.stop_row
        held, at = self._held(window)
        if at is not None and held is not None:
            start = at.stop_row
            stop = max(stop, start)
        parts = [] if held is None else [held]
        if start < stop:
            parts.append(self.source.read(Window(start, window.col, stop - start, window.width)))
        top = start if at is None else at.row
        pixels = parts[0] if len(parts) == 1 else _below(*parts)
        self._keep(pixels, Window(top, window.col, stop - top, window.width), window)
        return _rows(pixels, window.row - top, window.stop_row - top)

    def _held(self, window: Window) -> tuple[Pixels | None, Window | None]:
        """Return the kept rows that a window begins with, and where they are."""
        at, kept = self._at, self._kept
        if at is None or kept is None or (at.col, at.width) != (window.col, window.width):
            return None, None
        if not at.row <= window.row < at.stop_row:
            return None, None
        rows = _rows(kept, window.row - at.row, at.height)
        return rows, Window(window.row, at.col, at.stop_row - window.row, at.width)

    def _keep(self, pixels: Pixels, at: Window, window: Window) -> None:
        first = max(window.stop_row - _SHARED, at.row)
        kept = _rows(pixels, first - at.row, at.height)
        valid = None if kept.valid is None else kept.valid.copy()
        self._at = Window(first, at.col, at.stop_row - first, at.width)
        self._kept = Pixels(kept.values.copy(), valid)


def _rows(pixels: Pixels, start: int, stop: int) -> Pixels:
    valid = None if pixels.valid is None else pixels.valid[start:stop]
    return Pixels(pixels.values[start:stop], valid)


def _below(upper: Pixels, lower: Pixels) -> Pixels:
    """Put pixels below others."""
    values = np.concatenate([upper.values, lower.values])
    if upper.valid is None and lower.valid is None:
        return Pixels(values, None)
    masks = [
        np.ones(part.values.shape[:2], bool) if part.valid is None else part.valid
        for part in (upper, lower)
    ]
    return Pixels(values, np.concatenate(masks))
