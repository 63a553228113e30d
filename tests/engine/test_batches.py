from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.jobs import coordinates
from tilesegm.engine.batches import Reading, RowEnd, read_batches, read_tiles
from tilesegm.grid.tiles import Footprint, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels
from tilesegm.source.open import open_source


class Counting:
    """An image in memory with blocks of its own; counts how often each pixel is read."""

    def __init__(self, height: int, width: int, block: tuple[int, int]) -> None:
        self.values = np.arange(height * width, dtype=np.int32).reshape(height, width, 1)
        self.info = ImageInfo("image", "test", height, width, 1, self.values.dtype, block)
        self.times = np.zeros((height, width), int)

    def read(self, window: Window) -> Pixels:
        assert self.info.window.contains(window)
        assert window.pixels > 0
        self.times[window.slices] += 1
        return Pixels(self.values[window.slices], None)

    def close(self) -> None:
        pass


@settings(deadline=None, max_examples=80)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.integers(1, 5),
    overlap=st.integers(0, 30),
    block=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    batch=st.integers(1, 4),
)
def test_tiles_hold_their_pixels_and_no_pixel_is_read_twice(
    height: int, width: int, tile: int, overlap: int, block: tuple[int, int], batch: int
) -> None:
    tile *= 8
    grid = plan_grid(
        height, width, Tiling(tile=tile, overlap=min(overlap, tile - 8)), Footprint(stride=4)
    )
    image = Counting(height, width, block)
    reading = Reading(image, grid, batch, fill=(-1.0,))
    whole = np.full((grid.rows.spans[-1].last, grid.cols.spans[-1].last, 1), -1, np.int32)
    whole[:height, :width] = image.values
    rows_ended = []
    for item in read_batches(reading, image.info.window):
        if isinstance(item, RowEnd):
            rows_ended.append(item.row)
            assert item.wanted is None
            continue
        assert item.tiles.shape == (batch, *grid.tile, 1)
        for col, found in zip(item.cols, item.tiles, strict=False):
            top, left = grid.rows.spans[item.row].start, grid.cols.spans[col].start
            expected = whole[top : top + grid.tile[0], left : left + grid.tile[1]]
            np.testing.assert_array_equal(found, expected)
    assert rows_ended == list(range(len(grid.rows.spans)))
    assert image.times.max() == 1


@settings(deadline=None, max_examples=40)
@given(
    cuts=st.tuples(st.integers(1, 89), st.integers(1, 69)),
    tile=st.integers(1, 5),
    overlap=st.integers(0, 30),
    rows=st.integers(1, 40),
)
def test_each_infinite_pixel_is_counted_in_one_window(
    cuts: tuple[int, int], tile: int, overlap: int, rows: int
) -> None:
    tile *= 8
    values = np.zeros((90, 70, 2), np.float32)
    values[::7, ::3, 1] = -np.inf
    values[5, 6] = np.inf, np.nan
    image = open_source(values)
    object.__setattr__(image.info, "block", (rows, 70))
    grid = plan_grid(90, 70, Tiling(tile=tile, overlap=min(overlap, tile - 8)), Footprint(stride=4))
    row, col = cuts
    counted = 0
    # Regions of two panels, each begun again as a resumed run would.
    for window in Window(0, 0, 90, 70).tiles(row, col):
        for item in read_batches(Reading(image, grid, 2, fill=(0.0,)), window):
            if isinstance(item, RowEnd):
                first = grid.rows.spans[item.row].first
                lines = range(first, first + len(item.infinite))
                counted += sum(
                    int(n)
                    for line, n in zip(lines, item.infinite, strict=True)
                    if window.row <= line < window.stop_row
                )
    assert counted == np.isinf(values).any(-1).sum()


def test_rows_are_read_in_whole_blocks() -> None:
    image = Counting(100, 30, (32, 30))
    grid = plan_grid(100, 30, Tiling(tile=20, overlap=0), Footprint())
    reads: list[Window] = []
    read = image.read
    image.read = lambda window: reads.append(window) or read(window)  # type: ignore[method-assign]
    list(read_batches(Reading(image, grid, 1, (0.0,)), image.info.window))
    assert [(window.row, window.height) for window in reads] == [
        (0, 32),
        (32, 32),
        (64, 32),
        (96, 4),
    ]


def test_one_tile_can_be_read_anywhere() -> None:
    image = Counting(50, 50, (16, 16))
    grid = plan_grid(50, 50, Tiling(tile=20, overlap=4), Footprint())
    tiles = read_tiles(Reading(image, grid, 2, coordinates().fill), 13, 27)
    np.testing.assert_array_equal(tiles[0], image.values[13:33, 27:47])
    assert tiles.shape[0] == 2
