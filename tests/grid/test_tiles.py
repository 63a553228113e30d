from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.errors import ModelError, SettingsError
from tilesegm.grid.tiles import Footprint, plan_grid
from tilesegm.grid.tiling import Tiling


def test_an_image_smaller_than_a_tile_gets_one_tile_of_its_own_size() -> None:
    grid = plan_grid(100, 37, Tiling(tile=512, overlap=64), Footprint(stride=16))
    assert (grid.tile, grid.tiles) == ((112, 48), 1)
    assert grid.redundancy == pytest.approx(112 * 48 / 3700)


def test_a_network_of_one_size_gets_that_size() -> None:
    grid = plan_grid(100, 1000, Tiling(tile=512, overlap=64), Footprint(tile=(256, 320)))
    assert grid.tile == (256, 320)
    assert grid.cols.spans[0].start == 0
    assert all(span.start + 320 <= 1000 for span in grid.cols.spans)


@pytest.mark.parametrize(
    ("network", "tile", "overlap"),
    [
        (Footprint(), 1024, 128),
        (Footprint(stride=48), 1056, 144),
        (Footprint(tile=(512, 512)), 512, 128),
        (Footprint(tile=(128, 128)), 128, 32),
        (Footprint(tile=(64, 64), stride=32), 64, 32),
        (Footprint(tile=(32, 32), stride=32), 32, 0),
    ],
)
def test_what_is_not_given_suits_the_network(network: Footprint, tile: int, overlap: int) -> None:
    grid = plan_grid(4000, 4000, Tiling(), network)
    assert (grid.tile, grid.overlap) == ((tile, tile), overlap)


def test_an_overlap_that_is_not_given_suits_the_tile() -> None:
    assert plan_grid(999, 999, Tiling(tile=256), Footprint()).overlap == 128
    assert plan_grid(999, 999, Tiling(tile=128), Footprint()).overlap == 32
    assert plan_grid(999, 999, Tiling(overlap=64), Footprint()).tile == (999, 999)


def test_exact_takes_the_overlap_from_the_receptive_field() -> None:
    grid = plan_grid(4000, 4000, Tiling(tile=512, overlap="exact"), Footprint(stride=16, halo=93))
    assert (grid.overlap, grid.margin) == (192, 96)


def test_the_margin_leaves_a_quarter_of_the_overlap_to_fade_in() -> None:
    grid = plan_grid(4000, 4000, Tiling(tile=512, overlap=64), Footprint())
    assert grid.margin == 24


def test_the_margin_is_no_wider_than_the_receptive_field() -> None:
    grid = plan_grid(4000, 4000, Tiling(tile=512, overlap=64), Footprint(halo=3))
    assert grid.margin == 3


def test_an_overlap_is_rounded_up_to_the_stride() -> None:
    assert plan_grid(999, 999, Tiling(tile=64, overlap=17), Footprint(stride=16)).overlap == 32


@pytest.mark.parametrize(
    ("tiling", "network", "error", "words"),
    [
        (Tiling(tile=100, overlap=0), Footprint(stride=16), SettingsError, "such as 112"),
        (
            Tiling(tile=64, overlap="exact"),
            Footprint(stride=16, halo=93),
            SettingsError,
            "overlap is 192 pixels .* tile is 64",
        ),
        (Tiling(overlap="exact"), Footprint(), ModelError, "receptive field .* is unknown"),
        (
            Tiling(overlap="exact"),
            Footprint(halo=9, inexact=("layer a pools all", "layer b resizes")),
            ModelError,
            "not exact because layer a pools all; layer b resizes",
        ),
        (Tiling(tile=64, overlap=60), Footprint(stride=32), SettingsError, "overlap is 64"),
        (
            Tiling(overlap=64),
            Footprint(tile=(64, 64)),
            SettingsError,
            "takes tiles of 64 x 64 pixels only; give an overlap below 64, such as 16",
        ),
    ],
)
def test_what_does_not_suit_the_network_is_refused(
    tiling: Tiling, network: Footprint, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        plan_grid(4000, 4000, tiling, network)


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    steps=st.integers(1, 8),
    overlap=st.integers(0, 400),
    stride=st.sampled_from([1, 2, 16, 32]),
)
def test_every_plan_covers_the_image(
    height: int, width: int, steps: int, overlap: int, stride: int
) -> None:
    tile = 64 * steps
    if -(-overlap // stride) * stride >= tile:
        return
    grid = plan_grid(height, width, Tiling(tile=tile, overlap=overlap), Footprint(stride=stride))
    assert grid.rows.spans[-1].last >= height
    assert grid.cols.spans[-1].last >= width
    assert grid.tile[0] % stride == grid.tile[1] % stride == 0
    assert grid.redundancy >= 1
    computed = grid.tiles * grid.tile[0] * grid.tile[1]
    assert grid.redundancy == pytest.approx(computed / (height * width))
