from __future__ import annotations

import numpy as np
import pytest

from tests.engine.jobs import Network, coordinates, place_image
from tilesegm.engine.batches import Reading
from tilesegm.engine.seams import SeamSample, expected_flips, sample_seams
from tilesegm.grid.tiles import Footprint, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.source.open import open_source


def reading(image: np.ndarray, tiling: Tiling, stride: int = 1) -> Reading:
    grid = plan_grid(*image.shape[:2], tiling, Footprint(stride))
    return Reading(open_source(image), grid, batch=1, fill=(0.0,))


def test_a_network_that_sees_single_pixels_has_no_seams() -> None:
    tiles = reading(place_image(100, 300), Tiling(tile=32, overlap=8), stride=4)
    sample = sample_seams(tiles, coordinates(stride=4))
    assert sample.flips == 0
    assert sample.length == 4 * 32
    assert expected_flips(sample, tiles.grid) == 0


def test_flips_of_a_network_that_counts_from_its_tile_are_all_found() -> None:
    # Class 1 in the left half of each tile: seams fall where the halves change.
    def function(tiles: np.ndarray) -> np.ndarray:
        n, height, width = tiles.shape[:3]
        left = np.broadcast_to(np.arange(width) < width // 2, (n, height, width))
        return np.stack([~left, left], axis=1).astype(np.float32)

    tiles = reading(np.zeros((64, 200), np.uint8), Tiling(tile=32, overlap=8))
    sample = sample_seams(tiles, Network(function, classes=2), samples=2)
    assert sample.flips > 0
    # A tile centred on a seam, against the right half of one tile and the left half of the next:
    # all of its middle half differs.
    assert sample.flips == sample.length * 16


def test_one_tile_has_no_seam() -> None:
    tiles = reading(np.zeros((20, 20), np.uint8), Tiling(tile=32, overlap=8))
    sample = sample_seams(tiles, Network(lambda t: t, classes=2))
    assert sample == SeamSample(0, 0)
    assert expected_flips(sample, tiles.grid) == 0


def test_flips_are_spread_over_all_seams_of_the_image() -> None:
    grid = plan_grid(100, 100, Tiling(tile=40, overlap=10), Footprint())
    # Three tiles on each axis: four seams of 100 pixels; two pixels flip along each of them.
    assert expected_flips(SeamSample(20, 10), grid) == pytest.approx(4 * 100 * 2 / 10_000)
