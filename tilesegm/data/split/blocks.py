"""Cutting an image into blocks."""

from __future__ import annotations

from itertools import pairwise

from tilesegm.grid.window import Window

__all__ = ["cut_blocks"]


def cut_blocks(height: int, width: int, block: int) -> tuple[Window, ...]:
    """Cut an image into squares of ``block`` pixels, row by row.

    What is left at the lower and right edge is a block of its own when it is at least half as long
    as others, and belongs to its neighbour otherwise.
    """
    rows, cols = _cuts(height, block), _cuts(width, block)
    return tuple(
        Window(top, left, bottom - top, right - left)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(cols)
    )


def _cuts(size: int, block: int) -> list[int]:
    parts = max(1, size // block + (2 * (size % block) >= block))
    return [*range(0, parts * block, block), size]
