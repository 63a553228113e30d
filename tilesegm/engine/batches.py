"""Reads an image from top to bottom, each row once, and hands out batches of tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.input_digest import TileRowDigests
from tilesegm.grid.tiles import TileGrid
from tilesegm.grid.window import Window
from tilesegm.source.area import Area
from tilesegm.source.background import Background
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.missing import count_infinite

__all__ = [
    "Batch",
    "Reading",
    "RowEnd",
    "count_wanted",
    "read_batches",
    "read_digests",
    "read_tiles",
]


@dataclass(frozen=True)
class Batch:
    """Tiles of one row of the grid, in order from left to right."""

    row: int
    cols: tuple[int, ...]
    """Columns of the grid; fewer than tiles when the last batch of a row is filled up."""
    tiles: NDArray[Any]
    """``(N, height, width, bands)`` in the image's dtype, missing pixels filled; with several fills
    ``(fills, N, height, width, bands)``."""


@dataclass(frozen=True)
class RowEnd:
    """All tiles of a row of the grid have been handed out."""

    row: int
    wanted: NDArray[np.bool_] | None
    """Pixels to be classified, for all rows that the tiles of this row decide; None for all."""
    skipped: int
    """Tiles of this row that hold no wanted pixel and were not handed out."""
    infinite: NDArray[np.int64]
    """Infinite pixels, which are missing, in each row of the window that is finished now."""
    digest: bytes = b""
    """Of all that the tiles of this row depend on, where that is asked for."""


@dataclass(frozen=True)
class Reading:
    """How an image is read: its tiles, their batches and their fill."""

    source: Source
    grid: TileGrid
    batch: int
    """Tiles in a batch."""
    fill: tuple[float, ...]
    """Value of pixels that are missing or outside the image: one for all bands or one per band."""
    area: Area | None = None
    """Pixels of interest; None for all."""
    background: Background | None = None
    """Pixels that show nothing and are not classified; None for none."""
    more_fills: tuple[tuple[float, ...], ...] = ()
    """Other values of such pixels, for each of which tiles are cut too."""
    digests: bool = False
    """Whether the pixels that a row of tiles depends on are summed up."""
    shrinks: bool = False
    """Whether few tiles make batches of half the size, a quarter, and so on, and none is filled up,
    which would cost as much as if no tile had been skipped."""

    @property
    def shrinks_by_area(self) -> bool:
        """Whether batches shrink that earlier versions filled up: those beside an area alone."""
        return self.shrinks and self.background is None

    def as_agreed(self, shrinks: bool) -> Reading:
        """Return the reading of a run that batches shrink in, or of one of an earlier version.

        Args:
            shrinks: whether they do so beside an area alone.
        """
        return self if shrinks or not self.shrinks_by_area else replace(self, shrinks=False)

    def size_for(self, tiles: int) -> int:
        """Return the size of the first batch that so many tiles make."""
        size = self.batch
        while self.shrinks and size > tiles:
            size //= 2
        return size

    def slots_for(self, tiles: int) -> int:
        """Return how many tiles the network computes for so many of a row, with what is filled."""
        return tiles if self.shrinks else -(-tiles // self.batch) * self.batch


def read_batches(reading: Reading, window: Window) -> Iterator[Batch | RowEnd]:
    """Yield the tiles that decide ``window``, row by row of the grid.

    A batch never spans two rows of the grid, so what is computed together, and with it every
    rounding, does not depend on where a run began.
    """
    rows, cols = reading.grid.rows, reading.grid.cols
    col_numbers = cols.cover(window.col, window.stop_col)
    for row, strip in _strips(reading, window):
        low, high = rows.spans[row].first, min(rows.spans[row].last, rows.size)
        kept = _wanted(reading.grid, row, strip, col_numbers)
        given = 0
        while given < len(kept):
            chosen = tuple(kept[given : given + reading.size_for(len(kept) - given)])
            given += len(chosen)
            yield Batch(row, chosen, strip.tiles([cols.spans[col].start for col in chosen]))
        yield RowEnd(
            row,
            strip.wanted_rows(low, high, window.col, window.stop_col),
            len(col_numbers) - len(kept),
            strip.infinite_rows(low, rows.finished(row)),
            strip.digest(row),
        )


def count_wanted(reading: Reading, window: Window) -> Iterator[int]:
    """Yield how many tiles of each row that decides ``window`` hold a wanted pixel.

    They are those that `read_batches` hands out.
    """
    col_numbers = reading.grid.cols.cover(window.col, window.stop_col)
    for row, strip in _strips(reading, window):
        yield len(_wanted(reading.grid, row, strip, col_numbers))


def _wanted(grid: TileGrid, row: int, strip: _Strip, col_numbers: range) -> list[int]:
    """Return the columns of those tiles of a row that hold a wanted pixel."""
    spans = grid.cols.spans
    low, high = grid.rows.spans[row].first, min(grid.rows.spans[row].last, grid.rows.size)
    return [
        col for col in col_numbers if strip.any_wanted(low, high, spans[col].first, spans[col].last)
    ]


def read_digests(reading: Reading, window: Window) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the digest of each row of tiles that decides ``window``.

    They are those that `read_batches` tells, of a reading with `Reading.digests`.
    """
    for row, strip in _strips(reading, window):
        yield row, strip.digest(row)


def _strips(reading: Reading, window: Window) -> Iterator[tuple[int, _Strip]]:
    """Yield the rows of tiles that decide ``window``, each with the rows of pixels it needs."""
    rows, cols = reading.grid.rows, reading.grid.cols
    row_numbers = rows.cover(window.row, window.stop_row)
    col_numbers = cols.cover(window.col, window.stop_col)
    strip = _Strip(
        reading,
        first_row=rows.spans[row_numbers[0]].start,
        cols=(cols.spans[col_numbers[0]].start, cols.spans[col_numbers[-1]].start + cols.tile),
        counted=(window.col, window.stop_col),
        digests=_digests_of(reading, col_numbers) if reading.digests else None,
    )
    for row in row_numbers:
        strip.advance(rows.spans[row].start, rows.tile)
        yield row, strip


def _digests_of(reading: Reading, cols: range) -> TileRowDigests:
    info = reading.source.info
    settings = (info.dtype.str, info.bands, reading.batch, reading.fill, reading.more_fills)
    told = ("batches shrink",) if reading.shrinks_by_area else ()
    return TileRowDigests(reading.grid, cols, (*settings, *told))


def read_tiles(reading: Reading, row: int, col: int) -> NDArray[Any]:
    """Read one tile anywhere in the image, as a batch that is filled up to its fixed size."""
    strip = _Strip(reading, first_row=row, cols=(col, col + reading.grid.cols.tile))
    strip.advance(row, reading.grid.rows.tile)
    return strip.tiles([col])


class _Strip:
    """The rows of an image that the current row of tiles needs.

    New rows are read in whole blocks of the file, so no block is decoded a second time for the
    rows below.
    """

    def __init__(
        self,
        reading: Reading,
        first_row: int,
        cols: tuple[int, int],
        counted: tuple[int, int] = (0, 0),
        digests: TileRowDigests | None = None,
    ) -> None:
        self._reading = reading
        info = reading.source.info
        self._left = cols[0]
        self._width = min(cols[1], info.width) - cols[0]
        self._height = info.height
        self._block_rows = info.block[0]
        tile = reading.grid.rows.tile
        capacity = min(info.height, tile + self._block_rows - 1)
        self._values = np.empty((capacity, self._width, info.bands), info.dtype)
        self._fill = _fill(reading.fill, info)
        narrowed = reading.area is not None or reading.background is not None
        masked = info.masked or narrowed
        self._more_fills = [_fill(fill, info) for fill in reading.more_fills]
        self._missing = np.empty((capacity, self._width), bool) if self._more_fills else None
        self._wanted = np.empty((capacity, self._width), bool) if masked else None
        self._counted = slice(counted[0] - self._left, counted[1] - self._left)
        self._infinite = np.zeros(capacity, np.int64)
        self._digests = digests
        self._top = first_row
        self._stop = first_row

    def advance(self, row: int, height: int) -> None:
        """Hold rows ``[row, row + height)``, as far as the image goes."""
        kept = self._stop - row
        moved = slice(row - self._top, self._stop - self._top)
        self._values[:kept] = self._values[moved]
        self._infinite[:kept] = self._infinite[moved]
        if self._missing is not None:
            self._missing[:kept] = self._missing[moved]
        if self._wanted is not None:
            self._wanted[:kept] = self._wanted[moved]
        self._top = row
        needed = min(row + height, self._height)
        while self._stop < needed:
            edge = (self._stop // self._block_rows + 1) * self._block_rows
            self._read(min(edge, self._height))

    def _read(self, stop: int) -> None:
        window = Window(self._stop, self._left, stop - self._stop, self._width)
        pixels = self._reading.source.read(window)
        place = slice(self._stop - self._top, stop - self._top)
        self._values[place] = pixels.values
        self._infinite[place] = count_infinite(pixels, self._counted)
        if pixels.valid is not None:
            self._values[place][~pixels.valid] = self._fill
        if self._missing is not None:
            self._missing[place] = False if pixels.valid is None else ~pixels.valid
        if self._wanted is not None:
            self._wanted[place] = True if pixels.valid is None else pixels.valid
            if self._reading.area is not None:
                self._wanted[place] &= self._reading.area.mask(window)
            if self._reading.background is not None:
                self._wanted[place] &= ~self._reading.background.covers(window, pixels.values)
        if self._digests is not None:
            known = (self._values, self._infinite, self._wanted, self._missing)
            taken = [one[place] for one in known if one is not None]
            self._digests.take(self._stop, taken)
        self._stop = stop

    def any_wanted(self, low: int, high: int, left: int, right: int) -> bool:
        """Tell whether a pixel of these rows and columns is to be classified."""
        return self._wanted is None or bool(self._view(low, high, left, right).any())

    def wanted_rows(self, low: int, high: int, left: int, right: int) -> NDArray[np.bool_] | None:
        """Return the wanted pixels of these rows and columns, or None when all are."""
        if self._wanted is None:
            return None
        view = self._view(low, high, left, right)
        return None if view.all() else view.copy()

    def digest(self, row: int) -> bytes:
        """Return the digest of a row of tiles, if digests are wanted."""
        return b"" if self._digests is None else self._digests.of(row)

    def infinite_rows(self, low: int, high: int) -> NDArray[np.int64]:
        """Return the number of infinite pixels in each of these rows."""
        return self._infinite[low - self._top : high - self._top].copy()

    def _view(self, low: int, high: int, left: int, right: int) -> NDArray[np.bool_]:
        assert self._wanted is not None
        return self._wanted[
            low - self._top : high - self._top, max(left - self._left, 0) : right - self._left
        ]

    def tiles(self, starts: list[int]) -> NDArray[Any]:
        """Cut tiles that begin at these columns; a batch is filled up to its size."""
        height, width = self._reading.grid.tile
        rows = min(height, self._stop - self._top)
        shape = (self._reading.size_for(len(starts)), height, width, len(self._fill))
        batch = np.empty(shape, self._values.dtype)
        for n, start in enumerate(starts):
            cut = self._values[:rows, start - self._left :][:, :width]
            batch[n, :rows, : cut.shape[1]] = cut
            batch[n, rows:] = self._fill
            batch[n, :, cut.shape[1] :] = self._fill
        batch[len(starts) :] = self._fill
        if self._missing is None:
            return batch
        missing = np.ones(shape[:3], bool)
        for n, start in enumerate(starts):
            cut = self._missing[:rows, start - self._left :][:, :width]
            missing[n, :rows, : cut.shape[1]] = cut
        several = np.repeat(batch[np.newaxis], 1 + len(self._more_fills), axis=0)
        for tiles, fill in zip(several[1:], self._more_fills, strict=True):
            tiles[missing] = fill
        return several


def _fill(values: tuple[float, ...], info: ImageInfo) -> NDArray[Any]:
    filled = np.broadcast_to(np.asarray(values, float), (info.bands,))
    if info.dtype.kind in "iu":
        limits = np.iinfo(info.dtype)
        filled = np.clip(np.rint(filled), limits.min, limits.max)
    return filled.astype(info.dtype)
