"""How a lazy map is cut into chunks, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tilesegm.engine.plan import Plan
from tilesegm.errors import SettingsError
from tilesegm.grid.axis import Axis
from tilesegm.grid.window import Window

__all__ = ["Chunking"]

_SIDE = 4096
"""Pixels that a chunk is long about: 16 MB of class ids, and a third of tiles at most are computed
for a second chunk too, with tiles of ordinary size."""


@dataclass(frozen=True)
class Chunking:
    """Chunks of one size, from the upper left corner; the last ones are as small as what is left.

    Each chunk computes all tiles that touch it, so those at its edges are computed for neighbours
    as well.
    """

    rows: tuple[int, ...]
    """Heights of the chunks, from top to bottom."""
    cols: tuple[int, ...]
    """Widths of the chunks, from left to right."""
    redundancy: float
    """Tiles computed for all chunks / tiles of the image."""
    batch: int
    """Tiles in a batch."""

    @classmethod
    def of(cls, plan: Plan, chunk: int | tuple[int, int] | None) -> Chunking:
        """Cut the image of a plan.

        Args:
            plan: of the image.
            chunk: side of a chunk in pixels, or height and width; None for whole steps of tiles
                that come to about 4096 pixels, whose edges meet as few tiles as any.

        Raises:
            SettingsError: a side is no positive number of pixels.
        """
        axes = plan.grid.rows, plan.grid.cols
        if chunk is None:
            sides = tuple(_whole_steps(axis, plan.grid.overlap) for axis in axes)
        else:
            sides = (chunk, chunk) if isinstance(chunk, int) else tuple(chunk)
        if len(sides) != 2 or any(type(side) is not int or side < 1 for side in sides):
            raise SettingsError(
                f"chunk is {chunk!r}; expected a number of pixels such as 4096, or a height and a "
                "width"
            )
        rows, cols = (_cut(axis.size, side) for axis, side in zip(axes, sides, strict=True))
        touched = [_touched(axis, cuts) for axis, cuts in zip(axes, (rows, cols), strict=True)]
        across = max(touched[1])
        calls = -(-across // plan.memory.batch)
        return cls(
            rows, cols, sum(touched[0]) * sum(touched[1]) / plan.grid.tiles, -(-across // calls)
        )

    def windows(self) -> Iterator[tuple[tuple[int, int], Window]]:
        """Yield the numbers of row and column of each chunk, and its window."""
        for row, (height, bottom) in enumerate(zip(self.rows, accumulate(self.rows), strict=True)):
            for col, (width, right) in enumerate(
                zip(self.cols, accumulate(self.cols), strict=True)
            ):
                yield (row, col), Window(bottom - height, right - width, height, width)


def _whole_steps(axis: Axis, overlap: int) -> int:
    step = max(axis.tile - overlap, 1)
    return max(round(_SIDE / step), 1) * step


def _cut(size: int, side: int) -> tuple[int, ...]:
    return tuple(min(side, size - start) for start in range(0, size, side))


def _touched(axis: Axis, sides: tuple[int, ...]) -> list[int]:
    """Return how many tiles each chunk along an axis touches."""
    counts, start = [], 0
    for side in sides:
        counts.append(len(axis.cover(start, start + side)))
        start += side
    return counts
