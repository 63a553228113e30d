"""How much is decoded to read an image by windows."""

from __future__ import annotations

from collections.abc import Iterable

from tilesegm.grid.window import Window

__all__ = ["read_amplification"]


def read_amplification(
    windows: Iterable[Window], size: tuple[int, int], block: tuple[int, int]
) -> float:
    """Return pixels decoded over pixels of the image, with no block kept from window to window.

    1.0 means that every block is decoded once. A cache that holds the blocks that neighbouring
    windows share lowers the real figure, never raises it.

    Args:
        windows: what is read.
        size: height and width of the image.
        block: rows and columns that are decoded at once; those at the lower and right edge are
            counted as far as the image goes.
    """
    decoded = sum(
        _extent(w.row, w.stop_row, block[0], size[0])
        * _extent(w.col, w.stop_col, block[1], size[1])
        for w in windows
    )
    return decoded / (size[0] * size[1])


def _extent(start: int, stop: int, step: int, limit: int) -> int:
    """Return the length of ``start..stop`` widened to whole blocks."""
    if start >= stop:
        return 0
    return min(-(-stop // step) * step, limit) - start // step * step
