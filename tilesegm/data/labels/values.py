"""What the values of a raster of class ids stand for: the one rule of all commands.

Ids count from 0. Beside them 255, -1 and the greatest number of a wide unsigned type mark pixels
without a label, as in Pascal VOC and Cityscapes. Where a raster holds 0 and one such number alone,
it is a mask of background and foreground instead, as image editors and GDAL's logical operators
write it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import Meaning
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import Source

__all__ = [
    "Census",
    "Encode",
    "Meaning",
    "count_values",
    "explain",
    "first_band",
    "read_meaning",
    "strips",
]

_MARKS = frozenset({-1, 255, 2**16 - 1, 2**32 - 1, 2**64 - 1})
"""Numbers that mean foreground beside 0 alone, and no label beside other ids."""

_STRIP = 2**22
"""Pixels to look at together when all of a file is read."""

Encode = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Census:
    """All pixels of a raster of labels, by value."""

    counts: Counter[Any] = field(default_factory=Counter)
    """Pixels of each value, those that are missing left out; int where the value is whole."""
    nodata: float | None = None
    """Value of missing pixels, if the raster has one."""
    by_nodata: int = 0
    """Pixels that hold it."""
    otherwise: int = 0
    """Pixels that are missing for another reason: alpha, a mask band, NaN, beyond the raster."""

    @property
    def pixels(self) -> int:
        """Number of pixels, missing ones included."""
        return self.counts.total() + self.by_nodata + self.otherwise

    def __add__(self, other: Census) -> Census:
        """Return the census of two rasters, with the nodata value of the first that has one."""
        return Census(
            self.counts + other.counts,
            other.nodata if self.nodata is None else self.nodata,
            self.by_nodata + other.by_nodata,
            self.otherwise + other.otherwise,
        )


def read_meaning(values: Collection[int], classes: int | None = None) -> Meaning:
    """Tell what values of labels stand for.

    Args:
        values: of all pixels, and of all files that belong together.
        classes: number of classes, if it is known.
    """
    ids = range(classes or 0)
    # Ids that run up to a number make it an id too.
    marks = [v for v in sorted(values) if v in _MARKS and v not in ids and v - 1 not in values]
    others = set(values) - set(marks)
    if len(marks) == 1 and others == {0} and classes in (None, 2):
        return Meaning(foreground=marks[0])
    return Meaning(unlabelled=tuple(marks))


def explain(counts: Mapping[int, int], classes: int | None = None) -> str:
    """Say in one line which values there are, and what the rule makes of them."""
    meaning = read_meaning(counts, classes)
    listed = ", ".join(f"{value} ({counts[value]:,} px)" for value in sorted(counts))
    if meaning.foreground is not None:
        return f"{listed}: as labels a mask of background and foreground"
    if meaning.unlabelled:
        marks = " and ".join(map(str, meaning.unlabelled))
        return f"{listed}: as labels ids of classes, and {marks} without a label"
    return listed


def first_band(values: NDArray[Any]) -> NDArray[Any]:
    """Return the only band of ``(..., 1)`` pixels."""
    return values[..., 0]


def count_values(source: Source, encode: Encode = first_band, most: int = 2**16) -> Census:
    """Count every pixel of a raster by its value, strip by strip.

    Args:
        source: the open raster.
        encode: turns ``(n, bands)`` pixels into one number each.
        most: values that labels may hold.

    Raises:
        SourceError: the raster cannot be read, or holds more values.
    """
    info, counts = source.info, Counter[Any]()
    by_nodata = otherwise = 0
    for window in strips(info.window, info.block[0]):
        pixels = source.read(window)
        values = pixels.values
        if pixels.valid is not None:
            missing = values[~pixels.valid]
            marked = 0 if info.nodata is None else int((missing == info.nodata).all(-1).sum())
            by_nodata, otherwise = by_nodata + marked, otherwise + len(missing) - marked
            values = values[pixels.valid]
        for value, times in _count(encode(values).ravel()):
            counts[value] += times
        if len(counts) > most:
            raise SourceError(
                f"{info.uri} holds more than {most} values; expected class ids or colours, saved "
                "without lossy compression"
            )
    return Census(counts, info.nodata, by_nodata, otherwise)


def strips(window: Window, block_rows: int) -> list[Window]:
    """Cut a window into strips of full width and whole rows of blocks, from top to bottom."""
    rows = max(_STRIP // max(window.width, 1) // block_rows, 1) * block_rows
    return [
        Window(row, window.col, min(rows, window.stop_row - row), window.width)
        for row in range(window.row, window.stop_row, rows)
    ]


def _count(values: NDArray[Any]) -> Iterator[tuple[float, int]]:
    if values.dtype == np.uint8:
        times = np.bincount(values, minlength=256)
        distinct = np.flatnonzero(times)
        return zip(distinct.tolist(), times[distinct].tolist(), strict=True)
    distinct, times = np.unique(values, return_counts=True)
    plain = (int(v) if np.isfinite(v) and v == int(v) else v for v in distinct.tolist())
    return zip(plain, times.tolist(), strict=True)
