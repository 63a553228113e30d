"""Pixels that are missing or outside the area of interest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.engine.jobs import Cut, Network, assemble, coordinates, make_job, run_whole
from tilesegm.engine.decide import Decision
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window


@dataclass(frozen=True)
class Mask:
    """An area of interest in memory."""

    values: np.ndarray
    identity: tuple[tuple[str, str], ...] = ()

    def mask(self, window: Window) -> np.ndarray:
        return self.values[window.slices]


def blur(fill: tuple[float, ...] = (0.0,)) -> Network:
    """Look at neighbours in a tile, so that what stands in for missing pixels shows."""

    def function(tiles: np.ndarray) -> np.ndarray:
        smooth = ndimage.uniform_filter(
            tiles.astype(np.float32), (0, 3, 3, 0), mode="constant", cval=fill[0]
        )
        return np.stack([smooth[..., 0], 100 - smooth[..., 0]], axis=1)

    return Network(function, classes=2, radius=1, fill=fill)


CUT = Cut(Tiling(tile=12, overlap=4), batch=2)
EVERYTHING = Decision(2, True, "top", "float32")


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 99),
    share=st.sampled_from([0.02, 0.5, 0.98]),
    fill=st.sampled_from([0.0, 37.0]),
    marks=st.lists(st.integers(200, 255), min_size=2, max_size=2, unique=True),
)
def test_the_value_of_nodata_changes_no_valid_pixel(
    seed: int, share: float, fill: float, marks: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 200, (30, 41), np.uint8)
    missing = rng.random(pixels.shape) < share
    found = []
    for mark in marks:
        job = make_job(
            np.where(missing, mark, pixels).astype(np.uint8),
            blur((fill,)),
            CUT,
            decision=EVERYTHING,
            nodata=mark,
        )
        finished = run_whole(job, CUT)
        found.append({name: assemble(finished, name) for name in ("classes", "scores")})
        assert (found[-1]["classes"][missing] == 255).all()
        assert (found[-1]["classes"][~missing] < 2).all()
        assert (assemble(finished, "confidence")[missing] == 255).all()
        assert np.isnan(found[-1]["scores"][:, missing]).all()
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 99), share=st.sampled_from([0.02, 0.5]))
def test_missing_pixels_are_what_the_network_sees_outside_the_image(
    seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 200, (30, 41)).astype(np.float32)
    missing = rng.random(pixels.shape) < share
    network = blur((37.0,))
    job = make_job(np.where(missing, np.nan, pixels), network, CUT, decision=EVERYTHING)
    found = assemble(run_whole(job, CUT), "scores")
    filled = np.where(missing, 37, pixels)[None, :, :, None].astype(np.float32)
    whole = network(filled)[0]
    np.testing.assert_allclose(found[:, ~missing], whole[:, ~missing], atol=1e-3)


def test_tiles_without_a_pixel_of_interest_are_never_computed() -> None:
    # 8 x 8 tiles without overlap; pixels are wanted in two of the 25.
    wanted = np.zeros((40, 40), bool)
    wanted[3, 3] = wanted[20:23, 33] = True
    cut = Cut(Tiling(tile=8, overlap=0), batch=3, chunk=16, panel=64)
    seen: list[np.ndarray] = []
    network = Network(
        lambda tiles: seen.append(tiles) or np.zeros((len(tiles), 2, 8, 8)), classes=2
    )
    job = make_job(np.ones((40, 40), np.uint8), network, cut, area=Mask(wanted))
    finished = run_whole(job, cut)
    assert len(seen) == 2
    assert sum(one.computed for one in finished) == 2
    assert sum(one.skipped for one in finished) == 23
    np.testing.assert_array_equal(assemble(finished, "classes") == 255, ~wanted)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    tile=st.integers(4, 30),
    overlap=st.integers(0, 20),
    seed=st.integers(0, 99),
)
def test_skipping_tiles_changes_no_wanted_pixel(
    height: int, width: int, tile: int, overlap: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Blobs: large enough to leave whole tiles without a wanted pixel.
    wanted = ndimage.binary_dilation(
        rng.random((height, width)) < 2 / (height * width), np.ones((5, 5))
    )
    cut = Cut(Tiling(tile=tile, overlap=min(overlap, tile - 1)), batch=2, chunk=8, panel=24)
    image = np.stack(np.mgrid[:height, :width], axis=-1).astype(np.int16)
    finished = run_whole(make_job(image, coordinates(), cut, area=Mask(wanted)), cut)
    scores = assemble(finished, "scores")
    np.testing.assert_allclose(scores[:, wanted].T, np.argwhere(wanted), atol=1e-4)
    assert np.isnan(scores[:, ~wanted]).all()


def test_an_image_without_a_valid_pixel_calls_no_network() -> None:
    network = blur()
    job = make_job(np.full((50, 50), 9, np.uint8), network, CUT, nodata=9)
    finished = run_whole(job, CUT)
    assert not network.shapes
    assert (assemble(finished, "classes") == 255).all()


@pytest.mark.parametrize(
    ("dtype", "fill", "expected"),
    [("uint8", -3.0, 0), ("uint8", 300.0, 255), ("int16", -3.4, -3), ("float32", -3.4, -3.4)],
)
def test_the_fill_is_the_nearest_value_that_the_image_can_hold(
    dtype: str, fill: float, expected: float
) -> None:
    seen: list[np.ndarray] = []

    def function(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles)
        return np.zeros((len(tiles), 2, *tiles.shape[1:3]))

    image = np.ones((10, 10), dtype)
    network = Network(function, classes=2, stride=4, fill=(fill,))
    cut = Cut(Tiling(tile=12, overlap=0))
    run_whole(make_job(image, network, cut), cut)
    (tiles,) = seen
    assert tiles.dtype == dtype
    assert (tiles[0, :10, :10] == 1).all()
    np.testing.assert_allclose(tiles[0, 10:], expected, rtol=1e-6)
    np.testing.assert_allclose(tiles[0, :, 10:], expected, rtol=1e-6)


def test_each_band_has_its_own_fill() -> None:
    seen: list[np.ndarray] = []

    def function(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles)
        return np.zeros((len(tiles), 2, *tiles.shape[1:3]))

    network = Network(function, classes=2, stride=4, fill=(1.0, 2.0, 3.0))
    cut = Cut(Tiling(tile=4, overlap=0))
    run_whole(make_job(np.zeros((3, 4, 3), np.uint8), network, cut), cut)
    assert seen[0][0, 3].tolist() == [[1, 2, 3]] * 4
