"""Masks of any resolution and grid: each pixel takes the mask's pixel that its centre lies in."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform as warp_points

from tests.source.conftest import WriteRaster
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.area import open_area
from tilesegm.source.base import Georeference, ImageInfo

UTM, UTM32, POLAR, DEGREES = (rasterio.CRS.from_epsg(code) for code in (32633, 32632, 3413, 4326))


def image(height: int, width: int, transform: Any = None, crs: Any = None) -> ImageInfo:
    place = Georeference(crs and crs.to_wkt(), transform and tuple(transform)[:6])
    dtype = np.dtype("uint8")
    return ImageInfo("image.tif", "GTiff", height, width, 1, dtype, (8, 8), georeference=place)


def random_mask(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (height, width)).astype(np.uint8)


def by_hand(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Take the mask's pixel under each centre, in exact fractions."""
    rows, cols = (
        [floor((2 * n + 1) * Fraction(side, 2 * whole)) for n in range(whole)]
        for side, whole in zip(mask.shape, (height, width), strict=True)
    )
    return mask[np.ix_(rows, cols)] != 0


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    ratio=st.floats(1.6, 8),
    up=st.tuples(st.booleans(), st.booleans()),
    finer=st.booleans(),
    part=st.tuples(*[st.floats(0, 0.99)] * 4),
)
def test_by_proportion_at_any_scale(
    size: tuple[int, int],
    ratio: float,
    up: tuple[bool, bool],
    finer: bool,
    part: tuple[float, float, float, float],
) -> None:
    """A mask that is smaller or larger than the image by one ratio, rounded up or down."""
    small = tuple(max(1, floor(n / ratio) + more) for n, more in zip(size, up, strict=True))
    mask_size, whole = (size, small) if finer else (small, size)
    mask = random_mask(*mask_size)
    area = open_area(mask, image(*whole))
    expected = by_hand(mask, *whole)
    top, left = floor(part[0] * whole[0]), floor(part[1] * whole[1])
    height = 1 + floor(part[2] * (whole[0] - top))
    window = Window(top, left, height, 1 + floor(part[3] * (whole[1] - left)))
    np.testing.assert_array_equal(area.mask(window), expected[window.slices])
    (note,) = [note for note in area.notes if "by proportion" in note]
    assert f"{mask_size[0]} x {mask_size[1]} pixels are laid over the {whole[0]} x" in note


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ((93, 80), "93 x 80 pixels and the image 2967 x 2220, 1/31.9 of its height and 1/27.75"),
        ((2966, 2220), "1/1 of its height and 1/1 of its width"),
        ((70, 93), "it seems to be turned"),
        ((6000, 4000), "2.022 times its height and 1.802 times its width"),
    ],
)
def test_another_shape_is_refused_with_both_ratios(mask: tuple[int, int], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        open_area(np.ones(mask, np.uint8), image(2967, 2220))


@pytest.mark.parametrize("size", [(92, 69), (93, 70), (92, 70), (93, 69)])
def test_a_thirty_second_may_be_rounded_either_way(size: tuple[int, int]) -> None:
    area = open_area(np.ones(size, np.uint8), image(2967, 2220))
    assert area.mask(Window(2960, 2210, 7, 10)).all()


@pytest.mark.parametrize("kind", ["png", "tif", "zarr", "ome level", "bool array", "xarray"])
def test_every_kind_of_mask_is_laid_the_same(
    kind: str, write_raster: WriteRaster, tmp_path: Path
) -> None:
    mask = random_mask(13, 17)
    given: Any
    if kind in ("png", "tif"):
        driver = {"png": "PNG", "tif": "GTiff"}[kind]
        given = write_raster(f"mask.{kind}", mask[..., None] * 255, driver=driver)
    elif kind == "zarr":
        zarr.create_array(given := tmp_path / "mask.zarr", data=mask)
    elif kind == "ome level":
        group = zarr.create_group(tmp_path / "slide.zarr")
        group.create_array("3", data=mask)
        given = tmp_path / "slide.zarr" / "3"
    else:
        given = mask.astype(bool)
        given = xr.DataArray(given, dims=("y", "x")) if kind == "xarray" else given
    area = open_area(given, image(100, 133))
    np.testing.assert_array_equal(area.mask(Window(0, 0, 100, 133)), by_hand(mask, 100, 133))


def apply(matrix: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d, e, f = tuple(matrix)[:6]
    return a * x + b * y + c, d * x + e * y + f


def after(*matrices: Affine) -> Affine:
    """Multiply, which Affine spells in two ways."""
    found = np.eye(3)
    for matrix in matrices:
        found = found @ np.array(tuple(matrix)).reshape(3, 3)
    return Affine(*found[:2].ravel())


def on_ground(
    mask: np.ndarray, there: tuple[Affine, Any], here: tuple[Affine, Any], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Project every centre by itself; also tell which lie clearly inside of a pixel of the mask."""
    cols, rows = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    x, y = apply(here[0], cols.ravel(), rows.ravel())
    x, y = (np.array(part) for part in warp_points(here[1], there[1], x, y))
    there_cols, there_rows = apply(~there[0], x, y)
    places = np.stack([there_rows, there_cols]).reshape(2, *size)
    clear = (np.abs(places - np.rint(places)) > 0.06).all(0)
    row, col = np.floor(places).astype(int)
    inside = (row >= 0) & (row < mask.shape[0]) & (col >= 0) & (col < mask.shape[1])
    found = np.zeros(size, bool)
    found[inside] = mask[row[inside], col[inside]] != 0
    return found, clear


HERE = Affine(10, 0, 500_000, 0, -10, 4_000_000)
GROUND = {
    "coarser": (after(HERE, Affine.scale(7.3)), UTM, 60, 60),
    "finer": (after(HERE, Affine.scale(0.31)), UTM, 1300, 1300),
    "turned": (after(HERE, Affine.translation(-50, 90), Affine.rotation(-30)), UTM, 500, 500),
    "another zone": (Affine(31, 0, 1_040_000, 0, -31, 4_018_000), UTM32, 160, 170),
    "degrees": (Affine(0.0004, 0, 14.99, 0, -0.0004, 36.16), DEGREES, 140, 160),
}


@pytest.mark.parametrize("name", GROUND)
def test_by_georeference_on_any_grid(name: str, write_raster: WriteRaster) -> None:
    transform, crs, *shape = GROUND[name]
    mask = random_mask(*shape)
    path = write_raster("mask.tif", mask[..., None], crs=crs, transform=transform)
    info = image(401, 377, HERE, UTM)
    area = open_area(path, info)
    whole = area.mask(info.window)
    expected, clear = on_ground(mask, (transform, crs), (HERE, UTM), (401, 377))
    assert clear.mean() > 0.7
    np.testing.assert_array_equal(whole[clear], expected[clear])
    for height, width in ((1, 377), (401, 1), (37, 53), (256, 100)):
        for window in list(info.window.tiles(height, width))[::5]:
            np.testing.assert_array_equal(area.mask(window), whole[window.slices])
    array = xr.DataArray(mask, dims=("y", "x"))
    words = " ".join(map(repr, map(float, transform.to_gdal())))
    attributes = {"GeoTransform": words, "crs_wkt": crs.to_wkt()}
    array.coords["spatial_ref"] = xr.DataArray(0, attrs=attributes)
    np.testing.assert_array_equal(open_area(array, info).mask(info.window), whole)


def test_where_the_ground_is_curved_each_pixel_is_projected() -> None:
    """Around a pole the pixels between every sixteenth do not follow from those."""
    mask = random_mask(100, 100)
    polar = Affine(80_000, 0, -4_000_000, 0, -80_000, 4_000_000)
    degrees = Affine(1, 0, -180, 0, -1, 90)
    array = xr.DataArray(mask, dims=("y", "x"))
    words = " ".join(map(repr, map(float, polar.to_gdal())))
    attributes = {"GeoTransform": words, "crs_wkt": POLAR.to_wkt()}
    array.coords["spatial_ref"] = xr.DataArray(0, attrs=attributes)
    info = image(60, 360, degrees, DEGREES)
    area = open_area(array, info)
    expected, clear = on_ground(mask, (polar, POLAR), (degrees, DEGREES), (60, 360))
    np.testing.assert_array_equal(area.mask(info.window)[clear], expected[clear])


def test_what_is_assumed_of_a_mask_is_said(write_raster: WriteRaster) -> None:
    """A mask without a coordinate system, and one that JPEG blurred."""
    info = image(40, 60, HERE, UTM)
    bare = write_raster(
        "bare.tif", random_mask(20, 30)[..., None], transform=after(HERE, Affine.scale(2))
    )
    assert any("tells no coordinate system" in note for note in open_area(bare, info).notes)
    blurred = write_raster("mask.jpg", random_mask(40, 60)[..., None] * 255, driver="JPEG")
    assert any("JPEG blurs a mask" in note for note in open_area(blurred, info).notes)


def test_arrays_are_told_apart_by_all_of_their_pixels() -> None:
    mask = np.zeros((500, 700), bool)
    other = mask.copy()
    other[123, 456] = True
    one, same, different = (
        open_area(each, image(500, 700)).identity for each in (mask, mask.copy(), other)
    )
    assert one == same != different


def test_a_mask_laid_elsewhere_is_another_area(write_raster: WriteRaster) -> None:
    values, info = random_mask(20, 30)[..., None], image(40, 60, HERE, UTM)
    png = write_raster("mask.png", values, driver="PNG")
    first = open_area(png, info).identity
    a, b, c, d, e, f = tuple(after(HERE, Affine.translation(4, 0), Affine.scale(2)))[:6]
    png.with_suffix(".pgw").write_text("\n".join(map(str, (a, d, b, e, c + a / 2, f + e / 2))))
    assert first != open_area(png, info).identity
