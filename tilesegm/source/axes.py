"""Axes of an array of any dimensions, and the way from it to ``(height, width, bands)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window

__all__ = ["Axes", "find_axes"]

_BANDS = ("c", "s", "band", "bands", "channel", "channels")
_ROWS = ("y", "lat", "latitude", "row", "rows")
_COLS = ("x", "lon", "longitude", "col", "cols")


def find_axes(names: Sequence[str]) -> tuple[int | None, int | None, int | None]:
    """Return the indices of the axes of rows, columns and bands; None where no name tells one."""
    lower = [name.lower() for name in names]
    rows, cols, bands = (
        next((i for i, name in enumerate(lower) if name in names_of_axis), None)
        for names_of_axis in (_ROWS, _COLS, _BANDS)
    )
    return rows, cols, bands


@dataclass(frozen=True)
class Axes:
    """Which axis of an array holds rows, columns and bands; of any other, one step is read."""

    shape: tuple[int, ...]
    rows: int
    cols: int
    bands: int | None = None
    steps: tuple[int, ...] = ()
    """Index that is read of each other axis, in their order; 0 where not given."""

    @classmethod
    def named(cls, uri: str, shape: Sequence[int], names: Sequence[str]) -> Axes:
        """Find the axes by their names, such as ``t c z y x``.

        Raises:
            SourceError: no axis is called y, or none x, or there are not as many as names.
        """
        if len(names) != len(shape):
            raise SourceError(
                f"{uri}: {len(names)} axes are named, {', '.join(names)}, and its shape is "
                f"{tuple(shape)}; expected a name for each"
            )
        rows, cols, bands = find_axes(names)
        if rows is None or cols is None:
            raise SourceError(f"{uri}: axes {', '.join(names)}; expected one called y and one x")
        return cls(tuple(shape), rows, cols, bands)

    @classmethod
    def guessed(cls, uri: str, shape: Sequence[int]) -> Axes:
        """Take ``(H, W)``; of three axes take the first or last as bands, whichever is shorter.

        Raises:
            SourceError: there are fewer than two axes or more than three.
        """
        if len(shape) == 2:
            return cls(tuple(shape), 0, 1)
        if len(shape) != 3:
            raise SourceError(
                f"{uri}: shape {tuple(shape)}; expected (H, W), (H, W, bands) or (bands, H, W), "
                "or names of the axes"
            )
        if shape[0] < shape[2]:
            return cls(tuple(shape), 1, 2, 0)
        return cls(tuple(shape), 0, 1, 2)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.shape[self.rows], self.shape[self.cols]

    @property
    def count(self) -> int:
        """Number of bands."""
        return 1 if self.bands is None else self.shape[self.bands]

    @property
    def others(self) -> tuple[int, ...]:
        """Axes beside rows, columns and bands."""
        read = (self.rows, self.cols, self.bands)
        return tuple(axis for axis in range(len(self.shape)) if axis not in read)

    def block(self, chunks: Sequence[int]) -> tuple[int, int]:
        """Return rows and columns of a chunk, no larger than the image."""
        return min(chunks[self.rows], self.size[0]), min(chunks[self.cols], self.size[1])

    def index(self, window: Window, bands: slice) -> tuple[slice | int, ...]:
        """Return what to index the array with for ``window`` and ``bands``."""
        index: list[slice | int] = [0] * len(self.shape)
        for axis, step in zip(self.others, self.steps, strict=False):
            index[axis] = step
        index[self.rows], index[self.cols] = window.slices
        if self.bands is not None:
            index[self.bands] = bands
        return tuple(index)

    def arrange(self, part: NDArray[Any]) -> NDArray[Any]:
        """Turn what `index` gave to ``(height, width, bands)``, as a view."""
        if self.bands is None:
            return part[..., None] if self.rows < self.cols else part.T[..., None]
        kept = sorted((self.rows, self.cols, self.bands))
        return np.transpose(part, [kept.index(a) for a in (self.rows, self.cols, self.bands)])
