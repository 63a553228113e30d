"""A rectangle of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of an image in pixels; ``row`` and ``col`` are its upper left corner.

    Example:
        >>> import tilesegm as ts
        >>> window = ts.Window(row=100, col=0, height=50, width=80)
        >>> window.stop_row, window.pixels
        (150, 4000)
        >>> window.intersect(ts.Window(140, 60, 50, 50))
        Window(row=140, col=60, height=10, width=20)
    """

    row: int
    col: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 0 or self.width < 0:
            raise ValueError(f"a window has no negative sides; received {self}")

    @property
    def stop_row(self) -> int:
        """First row below the window."""
        return self.row + self.height

    @property
    def stop_col(self) -> int:
        """First column to the right of the window."""
        return self.col + self.width

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices for an array of shape ``(H, W, ...)``."""
        return slice(self.row, self.stop_row), slice(self.col, self.stop_col)

    def shift(self, rows: int, cols: int) -> Window:
        """Return the window moved by ``rows`` down and ``cols`` right."""
        return Window(self.row + rows, self.col + cols, self.height, self.width)

    def widen(self, margin: int) -> Window:
        """Return the window with ``margin`` more pixels on every side; it may leave the image."""
        return Window(
            self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin
        )

    def tiles(self, height: int, width: int | None = None) -> Iterator[Window]:
        """Cut the window into windows of ``height`` by ``width`` pixels, in reading order.

        The last ones of a row or column are as small as what is left. ``width`` is ``height``
        unless given.
        """
        width = width or height
        for row in range(self.row, self.stop_row, height):
            for col in range(self.col, self.stop_col, width):
                yield Window(
                    row, col, min(height, self.stop_row - row), min(width, self.stop_col - col)
                )

    def contains(self, other: Window) -> bool:
        """Tell whether every pixel of ``other`` lies in this window."""
        return (
            self.row <= other.row
            and self.col <= other.col
            and other.stop_row <= self.stop_row
            and other.stop_col <= self.stop_col
        )

    def intersect(self, other: Window) -> Window | None:
        """Return the common rectangle, or None when there is no common pixel."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = min(self.stop_row, other.stop_row) - row
        width = min(self.stop_col, other.stop_col) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None
