from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tests.engine.jobs import Cut, Network, assemble, coordinates, make_job, place_image, run_whole
from tests.images import blobs
from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.seam_check import SeamCheck, check_seams, expected_flips
from tilesegm.grid.tiles import Footprint, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source


def reading(image: np.ndarray, tiling: Tiling, stride: int = 1) -> Reading:
    grid = plan_grid(*image.shape[:2], tiling, Footprint(stride))
    return Reading(open_source(image), grid, batch=1, fill=(0.0,))


def smoothing(tiles: np.ndarray) -> np.ndarray:
    """Compare each pixel of two bands with its surroundings, mirrored at the tile's edges."""
    rough = tiles.astype(np.float32)
    smooth = ndimage.uniform_filter(rough, (0, 41, 41, 0), mode="reflect")
    return np.ascontiguousarray((rough + 4 * smooth).transpose(0, 3, 1, 2))


def test_a_network_that_sees_single_pixels_has_no_seams() -> None:
    tiles = reading(place_image(100, 300), Tiling(tile=32, overlap=8), stride=4)
    checks = list(check_seams(tiles, coordinates(stride=4), samples=4))
    assert len(checks) == 4
    assert not any(check.flips.any() for check in checks)
    assert expected_flips(checks, tiles.grid) == 0


def test_flips_of_a_network_that_counts_from_its_tile_are_all_found() -> None:
    # Class 1 in the left half of each tile: seams fall where the halves change.
    def function(tiles: np.ndarray) -> np.ndarray:
        n, height, width = tiles.shape[:3]
        left = np.broadcast_to(np.arange(width) < width // 2, (n, height, width))
        return np.stack([~left, left], axis=1).astype(np.float32)

    tiles = reading(np.zeros((64, 200), np.uint8), Tiling(tile=32, overlap=8))
    for check in check_seams(tiles, Network(function, classes=2), samples=2):
        # A tile centred on a seam, against the right half of one tile and the left half of the
        # next: all of its middle half differs.
        assert check.flips.all()
        assert check.window.width == 16


@pytest.mark.parametrize("blend", ["hann", "crop"])
def test_the_blended_classes_are_those_that_a_run_writes(blend: str) -> None:
    image, tiling = blobs(230, 310, 3), Tiling(64, 16, blend)  # type: ignore[arg-type]
    network = Network(smoothing, classes=3)
    cut = Cut(tiling, chunk=64, panel=128)
    job = make_job(image, network, cut, decision=Decision(3, probabilities=True))
    written = assemble(run_whole(job, cut), "classes")
    for check in check_seams(job.reading, network, samples=5, seed=3):
        window = check.window
        start = next(
            (row, col)
            for row in range(max(window.row - 16, 0), window.row + 1)
            for col in range(max(window.col - 16, 0), window.col + 1)
            if window.row in (0, row + 16) and window.col in (0, col + 16)
        )
        tile = image[start[0] : start[0] + 64, start[1] : start[1] + 64]
        whole = smoothing(tile[None])[0].argmax(axis=0)
        inside = whole[window.shift(-start[0], -start[1]).slices]
        np.testing.assert_array_equal(check.flips, written[window.slices] != inside)


@pytest.mark.parametrize("shape", [(1500, 1700), (2000, 120), (120, 2000)])
def test_as_many_flips_are_expected_as_a_run_has(shape: tuple[int, int]) -> None:
    image, tiling = blobs(*shape, 2, seed=1), Tiling(tile=128, overlap=16)
    network = Network(smoothing, classes=2)
    cut = Cut(tiling, chunk=512, panel=2048)
    job = make_job(image, network, cut, decision=Decision(2, probabilities=True))
    written = assemble(run_whole(job, cut), "classes")
    changed = (written != smoothing(image[None])[0].argmax(axis=0)).mean()
    checks = check_seams(job.reading, network, samples=40)
    assert expected_flips(checks, job.reading.grid) == pytest.approx(changed, rel=0.35)


def test_one_tile_has_no_seam() -> None:
    tiles = reading(np.zeros((20, 20), np.uint8), Tiling(tile=32, overlap=8))
    checks = list(check_seams(tiles, Network(lambda t: t, classes=2), samples=4))
    assert checks == []
    assert expected_flips(checks, tiles.grid) == 0


def test_flips_are_spread_over_all_seams_of_the_image() -> None:
    grid = plan_grid(100, 100, Tiling(tile=40, overlap=10), Footprint())
    # Three tiles on each axis, two seams. In a window with one of either, 20 pixels long, two
    # pixels flip along each pixel of seam.
    window = Window(25, 25, 20, 20)
    flips = np.zeros((20, 20), bool)
    flips.ravel()[: 2 * 40] = True
    check = SeamCheck(window, flips, np.zeros((20, 20)))
    assert expected_flips([check], grid) == pytest.approx(4 * 100 * 2 / 10_000)
