"""Rasters at the size of a picture: from overviews where there are any, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.sink.pyramid import halve_mode
from tilesegm.source.base import Source

__all__ = [
    "MISSING_ID",
    "Shape",
    "ShrunkPixels",
    "aligned_windows",
    "open_coarse",
    "shape_within",
    "shrink_ids",
    "shrink_pixels",
]

MISSING_ID = 65535
"""Stands for pixels without a class."""
_WINDOW_BYTES = 1 << 25
"""Bytes of pixels that are read at once."""
_MOST_HALVINGS = 11
"""Times that a window is halved: those of a greater step would be too large."""
_THINNEST = 8
"""Dots that a picture is wide and high at least, so that a line of pixels is seen."""
_ENLARGED = 512
"""Dots up to which rasters of few pixels are enlarged, by a whole number."""

Shape = tuple[int, int]
"""Rows and columns."""


def shape_within(height: int, width: int, side: int) -> Shape:
    """Return rows and columns, none more than ``side``, of the picture of a raster.

    Few pixels are enlarged to squares.
    """
    longest = max(height, width)
    scale = float(max(min(side, _ENLARGED) // longest, 1)) if longest <= side else side / longest
    least = min(_THINNEST, side)
    return max(round(height * scale), least), max(round(width * scale), least)


def open_coarse(open_level: Callable[[int], Source], shape: Shape) -> Source:
    """Open the coarsest level of a raster that still has the rows and columns of a picture.

    Args:
        open_level: opens a level, 0 being the finest; raises an error where there is none.
        shape: rows and columns of the picture.
    """
    source = open_level(0)
    level = 0
    while _longest(source) > max(shape):
        level += 1
        try:
            coarser = open_level(level)
        except (SourceError, SettingsError):  # there is none: it is read as it is
            break
        if _longest(coarser) < max(shape):
            coarser.close()
            break
        source.close()
        source = coarser
    return source


def shrink_ids(
    source: Source, shape: Shape, on_progress: Callable[[float], None] = lambda done: None
) -> NDArray[np.uint16]:
    """Read class ids at the size of a picture.

    Halves as overviews of class maps do, the most frequent id of 2 × 2 first, and takes the
    nearest id in the end.

    Args:
        source: integers of one band.
        shape: rows and columns of the picture.
        on_progress: called with the fraction that was read.

    Returns:
        ``shape`` ids; `MISSING_ID` where there is none.

    Raises:
        SourceError: pixels cannot be read, or are no ids from 0 to 65534.
    """

    def shrunk(window: Window, times: int) -> NDArray[Any]:
        pixels = source.read(window)
        values = pixels.values[..., 0]
        shown = values if pixels.valid is None else values[pixels.valid]
        if shown.size and (int(shown.min()) < 0 or int(shown.max()) >= MISSING_ID):
            raise SourceError(
                f"{source.info.uri} holds values from {shown.min()} to {shown.max()}; expected "
                f"class ids from 0 to {MISSING_ID - 1}: is it a class map? --nodata leaves a value "
                "out"
            )
        ids = values.astype(np.uint16)
        if pixels.valid is not None:
            ids[~pixels.valid] = MISSING_ID
        for _ in range(times):
            ids = halve_mode(ids, MISSING_ID)
        return ids

    ids = _gather(source, shape, shrunk, on_progress)
    rows, cols = _nearest(ids.shape[0], shape[0]), _nearest(ids.shape[1], shape[1])
    return np.ascontiguousarray(ids[np.ix_(rows, cols)], np.uint16)


@dataclass(frozen=True, eq=False)
class ShrunkPixels:
    """Pixels of an image at the size of a picture or up to twice as large."""

    values: NDArray[Any]
    """``(rows, cols, bands)`` of the image's own dtype."""
    valid: NDArray[np.bool_]


def shrink_pixels(
    source: Source, shape: Shape, on_progress: Callable[[float], None] = lambda done: None
) -> ShrunkPixels:
    """Read an image at the size of a picture, or up to twice as large: means of whole pixels.

    Raises:
        SourceError: pixels cannot be read.
    """
    dtype, bands = source.info.dtype, source.info.bands

    def shrunk(window: Window, times: int) -> NDArray[Any]:
        pixels = source.read(window)
        valid = np.isfinite(pixels.values).all(-1)
        if pixels.valid is not None:
            valid &= pixels.valid
        step = 1 << times
        values = np.where(valid[..., None], pixels.values, 0) if not valid.all() else pixels.values
        counts = _sums(valid, step)
        means = _sums(values, step) / np.maximum(counts, 1)[..., None]
        means = np.rint(means) if dtype.kind in "iu" else means
        # Where all pixels are missing is kept beside the bands.
        return np.concatenate([means, (counts > 0)[..., None]], -1).astype(np.float32)

    gathered = _gather(source, shape, shrunk, on_progress)
    return ShrunkPixels(gathered[..., :bands].astype(dtype), gathered[..., bands] > 0)


def _gather(
    source: Source,
    shape: Shape,
    shrunk: Callable[[Window, int], NDArray[Any]],
    on_progress: Callable[[float], None],
) -> NDArray[Any]:
    """Put shrunk windows together."""
    info = source.info
    times = _halvings(_longest(source), shape)
    step = 1 << times
    gathered: NDArray[Any] | None = None
    done = 0
    for window in aligned_windows(source, step):
        part = shrunk(window, times)
        if gathered is None:
            size = -(-info.height // step), -(-info.width // step)
            gathered = np.empty((*size, *part.shape[2:]), part.dtype)
        row, col = window.row // step, window.col // step
        gathered[row : row + part.shape[0], col : col + part.shape[1]] = part
        done += window.pixels
        on_progress(done / info.pixels)
    assert gathered is not None, "sources without pixels are refused when they are opened"
    return gathered


def _halvings(longest: int, shape: Shape) -> int:
    """Return how often a side can be halved and still fill the picture."""
    times = 0
    while times < _MOST_HALVINGS and -(-longest >> (times + 1)) >= max(shape):
        times += 1
    return times


def _longest(source: Source) -> int:
    return max(source.info.height, source.info.width)


def aligned_windows(source: Source, step: int) -> Iterator[Window]:
    """Cut a raster into windows that begin at multiples of a step, in the order of its blocks."""
    info = source.info
    most = max(_WINDOW_BYTES // (info.bands * info.dtype.itemsize), 1)
    whole_rows = info.block[1] >= info.width and most // info.width >= step
    width = info.width if whole_rows else max(int(most**0.5) // step, 1) * step
    height = max(most // width // step, 1) * step
    yield from info.window.tiles(height, width)


def _sums(values: NDArray[Any], step: int) -> NDArray[np.float64]:
    """Add up squares of ``step`` pixels; those at the far edges are as large as what is left."""
    sums: NDArray[Any] = values
    for axis in (0, 1):
        starts = np.arange(0, sums.shape[axis], step)
        sums = np.add.reduceat(sums, starts, axis, dtype=np.float64)
    return sums


def _nearest(count: int, dots: int) -> NDArray[np.intp]:
    """Return which of ``count`` pixels lies in the middle of each dot."""
    return ((np.arange(dots) + 0.5) * count / dots).astype(np.intp)
