"""Resampled images: what each pixel is made of, by other libraries, and in whatever window."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import skimage.transform
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling

from tests.images import GEO, write
from tilesegm.errors import SourceError
from tilesegm.grid.resolution import Resolution
from tilesegm.grid.window import Window
from tilesegm.source.base import Georeference, Source
from tilesegm.source.hidden import find_hidden
from tilesegm.source.kernel import Kernel
from tilesegm.source.open import open_source
from tilesegm.source.resampled import ResampledSource
from tilesegm.source.scaled import read_at, resolution_of

from .conftest import pixels


def whole(source: Source) -> NDArray[Any]:
    return source.read(source.info.window).values


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_whole_numbers_are_averages_with_halves_rounded_up(factor: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    blocks = image.reshape(60 // factor, factor, 90 // factor, factor, 3).astype(int)
    expected = (2 * blocks.sum((1, 3)) + factor**2) // (2 * factor**2)
    with ResampledSource(open_source(image), 60 // factor, 90 // factor) as source:
        assert (whole(source) == expected).all()


@pytest.mark.parametrize("shape", [(23, 31), (59, 89), (40, 60), (7, 90), (1, 1)])
def test_averages_are_those_of_gdal(tmp_path: Path, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=(60, 90, 2))
    path = write(tmp_path / "image.tif", image, **GEO)
    with rasterio.open(path) as file:
        expected = file.read(out_shape=(2, *shape), resampling=Resampling.average)
    with ResampledSource(open_source(path), *shape) as source:
        np.testing.assert_allclose(whole(source), expected.transpose(1, 2, 0), atol=1e-12)


def test_averages_are_exact_areas() -> None:
    image = np.arange(7 * 5, dtype=np.float64).reshape(7, 5) ** 2
    with ResampledSource(open_source(image), 3, 4) as source:
        found = whole(source)[..., 0]

    def covered(stored: int, size: int, pixel: int) -> list[Fraction]:
        low, high = Fraction(pixel * stored, size), Fraction((pixel + 1) * stored, size)
        return [
            max(min(high, Fraction(n + 1)) - max(low, Fraction(n)), Fraction(0))
            for n in range(stored)
        ]

    for row in range(3):
        for col in range(4):
            down, across = covered(7, 3, row), covered(5, 4, col)
            total = sum(
                d * a * Fraction(int(image[r, c]))
                for r, d in enumerate(down)
                for c, a in enumerate(across)
            )
            assert found[row, col] == pytest.approx(float(total / Fraction(35, 12)), rel=1e-14)


@pytest.mark.parametrize("shape", [(120, 180), (83, 91), (60, 270)])
def test_more_pixels_are_interpolated_as_scikit_image_does(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=(60, 90))
    expected = skimage.transform.resize(image, shape, order=1, mode="edge", anti_aliasing=False)
    with ResampledSource(open_source(image), *shape) as source:
        np.testing.assert_allclose(whole(source)[..., 0], expected, atol=1e-12)


def test_missing_pixels_do_not_count() -> None:
    image = np.array([[10, 20, 0, 0], [30, 0, 0, 0]], np.uint8)
    with ResampledSource(open_source(image, nodata=0), 1, 2) as source:
        read = source.read(source.info.window)
    assert read.values[0, 0, 0] == 20  # of 10, 20 and 30
    assert read.valid is not None
    assert read.valid.tolist() == [[True, False]]


def test_missing_pixels_stay_where_they_are_when_pixels_become_more() -> None:
    image = np.array([[1.0, np.nan, 3.0]])
    with ResampledSource(open_source(image), 1, 6) as source:
        read = source.read(source.info.window)
    assert read.valid is not None
    assert read.valid.tolist() == [[True, True, False, False, True, True]]
    assert read.values[read.valid][:, 0].tolist() == [1, 1, 3, 3]


def test_infinite_pixels_stay_infinite_so_that_they_are_counted() -> None:
    image = np.array([[1.0, 1.0, np.inf, np.inf]], np.float32)
    with ResampledSource(open_source(image), 1, 2) as source:
        assert np.isinf(whole(source)[0, 1, 0])


def test_averages_are_those_of_gdal_where_pixels_are_missing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(1, 255, (50, 70, 1)).astype(np.float64)
    image[rng.random(image.shape) < 0.4] = -9999
    image[10:30, 20:50] = -9999
    path = write(tmp_path / "image.tif", image, nodata=-9999, **GEO)
    with rasterio.open(path) as file:
        shape = (1, 21, 33)
        expected = file.read(out_shape=shape, resampling=Resampling.average, masked=True)[0]
    with ResampledSource(open_source(path), 21, 33) as source:
        read = source.read(source.info.window)
    assert read.valid is not None
    assert (read.valid == ~np.ma.getmaskarray(expected)).all()
    found = read.values[..., 0][read.valid]
    np.testing.assert_allclose(found, expected.compressed(), atol=1e-9)


SIZES = st.integers(1, 90)


def _holed(image: NDArray[Any]) -> NDArray[Any]:
    image = image.copy()
    image[11:31, 5:25] = 0
    image[::7, ::5] = 0
    return image


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(), height=SIZES, width=SIZES, kind=st.sampled_from(["uint8", "int16", "float32"])
)
def test_a_pixel_does_not_depend_on_its_window(
    data: st.DataObject, height: int, width: int, kind: str
) -> None:
    image = _holed(pixels(41, 37, 2, kind))
    with ResampledSource(open_source(image, nodata=0), height, width) as source:
        all_of_it = source.read(source.info.window)
    with ResampledSource(open_source(image, nodata=0), height, width) as source:
        for _ in range(4):
            row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
            rows = data.draw(st.integers(1, height - row))
            window = Window(row, col, rows, data.draw(st.integers(1, width - col)))
            part = source.read(window)
            assert part.values.tobytes() == all_of_it.values[window.slices].tobytes()
            valid = np.ones((height, width), bool) if all_of_it.valid is None else all_of_it.valid
            here = np.ones(valid[window.slices].shape, bool) if part.valid is None else part.valid
            assert (here == valid[window.slices]).all()


def test_windows_that_are_too_large_are_read_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = pixels(200, 150, 3)
    with ResampledSource(open_source(image), 30, 40) as source:
        expected = whole(source)
    monkeypatch.setattr("tilesegm.source.resampled._PIXELS", 300)
    with ResampledSource(open_source(image), 30, 40) as source:
        assert (whole(source) == expected).all()


class _Counting:
    """A source that notes what is read."""

    def __init__(self, source: Source) -> None:
        self._source, self.info = source, source.info
        self.windows: list[Window] = []

    def read(self, window: Window) -> Any:
        self.windows.append(window)
        return self._source.read(window)

    def close(self) -> None:
        self._source.close()


@pytest.mark.parametrize("shape", [(500, 300), (333, 200), (900, 540), (1500, 800)])
def test_no_block_is_read_twice_from_top_to_bottom(
    write_raster: Callable[..., Path], shape: tuple[int, int]
) -> None:
    path = write_raster(
        "image.tif", pixels(1000, 600, 1), tiled=True, blockxsize=128, blockysize=128
    )
    counting: Any = _Counting(open_source(path))
    with ResampledSource(counting, *shape) as source:
        for strip in source.info.window.tiles(source.info.block[0], shape[1]):
            source.read(strip)
    assert sum(window.pixels for window in counting.windows) == 1000 * 600
    assert all(window.row % 128 == 0 for window in counting.windows)


def test_place_of_fewer_pixels() -> None:
    """The corners are those of the image, also where sizes do not divide."""
    image = open_source(np.zeros((101, 53), np.uint8))
    place = Georeference(
        crs="EPSG:32633",
        transform=(0.5, 0, 400_000, 0, -0.5, 5e6),
        gcps=((0.0, 0.0, 1.0, 2.0, 0.0), (101.0, 53.0, 3.0, 4.0, 0.0)),
        pixel_size=(0.25, 0.5),
    )
    image._info = image.info.__class__(**vars(image.info) | {"georeference": place})
    with ResampledSource(image, 33, 20) as source:
        found = source.info.georeference
    assert Affine(*found.transform or ()) @ (20, 33) == pytest.approx((400_026.5, 5e6 - 50.5))
    assert Affine(*found.transform or ()) @ (0, 0) == (400_000, 5e6)
    assert found.gcps[1][:2] == pytest.approx((33, 20))
    assert found.pixel_size == pytest.approx((0.25 * 101 / 33, 0.5 * 53 / 20))


def test_nearest_takes_ids_of_centres() -> None:
    ids = np.arange(9 * 9, dtype=np.uint16).reshape(9, 9)
    with ResampledSource(open_source(ids), 3, 3, nearest=True) as source:
        assert (whole(source)[..., 0] == ids[1::3, 1::3]).all()
    with ResampledSource(open_source(ids), 18, 27, nearest=True) as source:
        assert (whole(source)[..., 0] == ids.repeat(2, 0).repeat(3, 1)).all()


def test_the_nearest_finer_level_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "image.tif", pixels(256, 384, 3), tiled=True, blockxsize=64, blockysize=64, **GEO
    )
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    levels = []

    def reopen(level: int) -> Source:
        levels.append(level)
        return open_source(path, level=level)

    source, how = read_at(open_source(path), Resolution(30, 30), reopen)
    with source:
        assert (source.info.height, source.info.width) == (85, 128)
        assert "from level 1" in (how or "")
    source, how = read_at(open_source(path), Resolution(40.2, 40.2), reopen)
    with source, open_source(path, level=2) as level:
        assert (whole(source) == whole(level)).all(), "a level within 2 % is taken as it is"
        assert "(level 2)" in (how or "")
    source, how = read_at(open_source(path), Resolution(7, 7), reopen)
    with source:
        assert "(interpolated)" in (how or "")
    source, how = read_at(open_source(path), Resolution(30, 7), None)
    with source:
        assert (source.info.height, source.info.width) == (85, 549)
        assert "(averaged and interpolated)" in (how or "")
    source, how = read_at(open_source(path), Resolution(10.1, 9.9), reopen)
    with source:
        assert how is None
        assert source.info.original is None


def test_hidden_pixels_are_told_as_the_file_tells_them(tmp_path: Path) -> None:
    image = pixels(60, 60, 1)
    image[:30] = 0
    path = write(tmp_path / "image.tif", image, nodata=0, **GEO)
    with ResampledSource(open_source(path), 30, 30) as source:
        (hidden,) = find_hidden(source)
    assert hidden.reason == "nodata"


def test_an_image_without_a_place_cannot_be_read_at_a_resolution() -> None:
    image = np.zeros((8, 8), np.uint8)
    with pytest.raises(SourceError, match="tells no size of its pixels"):
        read_at(open_source(image), Resolution(1, 1))


@pytest.mark.parametrize("latitude", [0.0, 50.0])
def test_degrees_are_metres_in_the_middle(tmp_path: Path, latitude: float) -> None:
    side = 1e-4
    transform = Affine(side, 0, 10, 0, -side, latitude + 50 * side)
    path = write(tmp_path / "image.tif", pixels(100, 100, 1), crs="EPSG:4326", transform=transform)
    with open_source(path) as source:
        found = resolution_of(source.info)
    assert found is not None
    assert found.across == pytest.approx(11.1319 * np.cos(np.radians(latitude)), rel=3e-3)
    assert found.down == pytest.approx(11.06 if latitude == 0 else 11.12, rel=1e-3)


@settings(max_examples=200, deadline=None)
@given(stored=st.integers(1, 10**6), size=st.integers(1, 10**6), place=st.floats(0, 0.999))
def test_weights_sum_to_one(stored: int, size: int, place: float) -> None:
    if stored > 2000 * size:  # taps by the thousand, which are averages all the same
        return
    pixel = int(place * size)
    taps = Kernel(stored, size).taps(pixel, pixel + 1)
    assert taps.weight.sum() == pytest.approx(1, abs=1e-9)
    assert taps.member.any()
    assert taps.index.min() >= 0
    assert taps.index.max() < stored
