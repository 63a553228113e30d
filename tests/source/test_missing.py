"""Missing pixels: nodata, alpha, mask bands, NaN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from tilesegm.errors import SettingsError
from tilesegm.source.missing import Missing
from tilesegm.source.open import open_source
from tilesegm.source.options import SourceOptions

from .conftest import WriteRaster, pixels


def valid_of(image: object, **options: object) -> np.ndarray | None:
    with open_source(image, **options) as source:
        return source.read(source.info.window).valid


def test_unsigned_pixel_is_missing_when_every_band_is_nodata() -> None:
    image = np.full((1, 3, 2), 9, np.uint8)
    image[0, 1] = 0, 9
    image[0, 2] = 0, 0
    valid = valid_of(image, nodata=0)
    assert valid is not None
    assert valid.tolist() == [[True, True, False]]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_signed_pixel_is_missing_when_any_band_is_nodata(dtype: str) -> None:
    image = np.full((1, 3, 2), 9, dtype)
    image[0, 1] = -9999, 9
    image[0, 2] = -9999, -9999
    valid = valid_of(image, nodata=-9999)
    assert valid is not None
    assert valid.tolist() == [[True, False, False]]


def test_nan_in_any_band_is_missing_unasked() -> None:
    image = np.ones((2, 2, 2), np.float32)
    image[1, 0, 1] = np.nan
    with open_source(image) as source:
        assert source.info.masked
        valid = source.read(source.info.window).valid
    assert valid is not None
    assert valid.tolist() == [[True, True], [False, True]]
    assert valid_of(np.ones((2, 2), np.float32)) is None


@pytest.mark.parametrize("nodata", ["nan", float("nan")])
def test_nan_may_be_named(nodata: object) -> None:
    image = np.array([[1.0, np.nan]])
    with open_source(image, nodata=nodata) as source:
        assert np.isnan(source.info.nodata or 0)
        valid = source.read(source.info.window).valid
    assert valid is not None
    assert valid.tolist() == [[True, False]]


@given(
    st.sampled_from(["uint8", "int16", "float32"]),
    st.lists(st.sampled_from([None, 0.0, 1.0, -9999.0]), min_size=1, max_size=3),
    st.integers(0, 10_000),
)
def test_rule_agrees_with_a_plain_loop(dtype: str, nodata: list[float | None], seed: int) -> None:
    choices = [0, 1, 2] if dtype == "uint8" else [0, 1, 2, -9999]
    values = np.random.default_rng(seed).choice(choices, (4, 5, len(nodata))).astype(dtype)
    missing = Missing(np.dtype(dtype), tuple(nodata))
    valid = missing.valid(values, None)
    rule = all if dtype == "uint8" else any
    for row, col in np.ndindex(4, 5):
        pixel = values[row, col].tolist()
        lost = rule(value == mark for value, mark in zip(pixel, nodata, strict=True))
        assert (True if valid is None else valid[row, col]) == (not lost)
    assert missing.possible or valid is None


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", -1), ("uint8", 256), ("uint8", 0.5), ("int16", "nan")]
)
def test_nodata_that_no_pixel_can_hold_is_refused(dtype: str, nodata: object) -> None:
    with pytest.raises(SettingsError, match=rf"no value of {dtype}"):
        open_source(np.ones((2, 2), dtype), nodata=nodata)


def test_nodata_that_is_no_number_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected a number, 'nan' or 'none'"):
        open_source(np.ones((2, 2)), nodata="nothing")


def test_file_nodata_and_its_replacement(write_raster: WriteRaster) -> None:
    image = pixels(5, 6, 1)
    first, second = int(image[0, 0, 0]), int(image[0, 1, 0])
    path = write_raster("nodata.tif", image, nodata=first)
    np.testing.assert_array_equal(valid_of(path), image[..., 0] != first)
    np.testing.assert_array_equal(valid_of(path, nodata=second), image[..., 0] != second)


def test_float_file_with_nodata_and_nan(write_raster: WriteRaster) -> None:
    image = np.ones((2, 3, 1), np.float32)
    image[0, 0], image[1, 2] = -9999, np.nan
    valid = valid_of(write_raster("float.tif", image, nodata=-9999))
    assert valid is not None
    assert valid.tolist() == [[False, True, True], [True, True, False]]


def test_nothing_missing_means_no_mask(write_raster: WriteRaster) -> None:
    path = write_raster("full.tif", pixels(5, 6, 3))
    with open_source(path) as source:
        assert not source.info.masked
    path = write_raster("nodata.tif", pixels(5, 6, 3), nodata=0)
    with open_source(path) as source:
        assert source.info.masked
        assert source.read(source.info.window).valid is None


RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_alpha_band_is_a_mask(interleave: str, write_raster: WriteRaster) -> None:
    image = pixels(9, 7, 4)
    image[..., 3] = np.where(np.arange(63).reshape(9, 7) % 5, 255, 0)
    path = write_raster("rgba.tif", image, colorinterp=RGBA, interleave=interleave)
    with open_source(path) as source:
        assert (source.info.bands, source.info.masked) == (3, True)
        read = source.read(source.info.window)
    np.testing.assert_array_equal(read.values, image[..., :3])
    np.testing.assert_array_equal(read.valid, image[..., 3] > 0)
    assert read.values.flags.c_contiguous


@pytest.mark.parametrize("inside", [True, False])
def test_mask_band(inside: bool, write_raster: WriteRaster) -> None:
    image = pixels(9, 7, 3)
    shown = np.arange(63).reshape(9, 7) % 4 > 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside):
        path = write_raster("masked.tif", image, mask=shown)
    assert path.with_name("masked.tif.msk").exists() is not inside
    np.testing.assert_array_equal(valid_of(path), shown)


def test_nodata_and_mask_hide_together(write_raster: WriteRaster) -> None:
    image = pixels(4, 4, 1)
    shown = np.ones((4, 4), bool)
    shown[0, 0] = False
    path = write_raster("both.tif", image, mask=shown)
    valid = valid_of(path, nodata=int(image[2, 2, 0]))
    assert valid is not None
    assert np.argwhere(~valid).tolist() == [[0, 0], [2, 2]]


def test_stack_joins_nodata_and_masks(write_raster: WriteRaster) -> None:
    one, two = np.full((1, 4, 1), 9, np.uint8), np.full((1, 4, 1), 9, np.uint8)
    one[0, 1], two[0, 1] = 0, 0
    one[0, 2] = 0
    shown = np.array([[True, True, True, False]])
    paths = [
        write_raster("one.tif", one, nodata=0),
        write_raster("two.tif", two, nodata=0),
        write_raster("three.tif", np.zeros((1, 4, 1), np.uint8), nodata=0, mask=shown),
    ]
    valid = valid_of(paths)
    assert valid is not None
    assert valid.tolist() == [[True, False, True, False]]


def test_stack_keeps_a_mask_beside_nodata(write_raster: WriteRaster) -> None:
    image = pixels(4, 5, 4)
    image[..., 3] = 255
    image[1, 2, 3] = 0
    paths = [
        write_raster("rgba.tif", image, colorinterp=RGBA, nodata=0),
        write_raster("plain.tif", pixels(4, 5, 1)),
    ]
    with open_source(paths) as source:
        assert source.info.masked
        valid = source.read(source.info.window).valid
    assert valid is not None
    assert np.argwhere(~valid).tolist() == [[1, 2]]


def test_xarray_keeps_lazy_and_float(tmp_path: Path) -> None:
    cube = xarray.DataArray(np.ones((2, 3, 4), np.float32), dims=("band", "y", "x"))
    cube[1, 2, 3] = np.nan
    valid = valid_of(cube)
    assert valid is not None
    assert np.argwhere(~valid).tolist() == [[2, 3]]


def test_options_are_checked() -> None:
    for wrong in ({"bands": ()}, {"bands": (0,)}, {"level": -1}, {"cache_bytes": 0}):
        with pytest.raises(SettingsError):
            SourceOptions(**wrong)


def test_masks_of_single_bands_of_a_vrt(tmp_path: Path, write_raster: WriteRaster) -> None:
    shown = np.full((4, 5, 2), 255, np.uint8)
    shown[1, 2, 0] = shown[3, 4, 1] = 0
    write_raster("values.tif", pixels(4, 5, 2))
    write_raster("masks.tif", shown)

    def simple(name: str, band: int) -> str:
        return (
            f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename>'
            f"<SourceBand>{band}</SourceBand></SimpleSource>"
        )

    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n}">{simple("values.tif", n)}<MaskBand>'
        f'<VRTRasterBand dataType="Byte">{simple("masks.tif", n)}</VRTRasterBand></MaskBand>'
        "</VRTRasterBand>"
        for n in (1, 2)
    )
    path = tmp_path / "masked.vrt"
    path.write_text(f'<VRTDataset rasterXSize="5" rasterYSize="4">{bands}</VRTDataset>')
    valid = valid_of(path)
    assert valid is not None
    assert np.argwhere(~valid).tolist() == [[1, 2], [3, 4]]
    second = valid_of(path, bands=[2])
    assert second is not None
    assert np.argwhere(~second).tolist() == [[3, 4]]
