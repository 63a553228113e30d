"""Read amplification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.grid.window import Window
from tilesegm.source.amplification import read_amplification

sides = st.integers(1, 30)


def bands(height: int, width: int, rows: int) -> list[Window]:
    return [Window(r, 0, min(rows, height - r), width) for r in range(0, height, rows)]


def test_bands_of_whole_blocks_decode_once() -> None:
    assert read_amplification(bands(1000, 700, 512), (1000, 700), (256, 256)) == 1.0


def test_bands_that_cut_blocks_decode_twice() -> None:
    # Of 8 rows in blocks of 4, bands of 3 read rows 0-2, 3-5, 6-7: blocks 1, 1 + 2, 2.
    assert read_amplification(bands(8, 5, 3), (8, 5), (4, 4)) == 2.0


@given(sides, sides, st.integers(1, 12), st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_amplification_is_what_a_count_gives(
    height: int, width: int, rows: int, block: tuple[int, int]
) -> None:
    decoded = 0
    for window in bands(height, width, rows):
        for top in range(0, height, block[0]):
            for left in range(0, width, block[1]):
                whole = Window(top, left, min(block[0], height - top), min(block[1], width - left))
                decoded += whole.pixels if window.intersect(whole) else 0
    figure = read_amplification(bands(height, width, rows), (height, width), block)
    assert figure == pytest.approx(decoded / (height * width))
    assert figure >= 1
