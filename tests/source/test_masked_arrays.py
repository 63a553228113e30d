"""What arrays hide is missing, and so is what is no number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr

from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels

IMAGE = pixels(20, 30, 3)
HIDDEN = np.zeros((20, 30), bool)
HIDDEN[5:8, 10:20] = True


def masked(dtype: str = "uint8") -> np.ma.MaskedArray[Any, Any]:
    """An image of which one band hides pixels."""
    mask = np.zeros(IMAGE.shape, bool)
    mask[HIDDEN, 1] = True
    return np.ma.MaskedArray(IMAGE.astype(dtype), mask)


def with_value(value: float, dtype: str = "float32") -> Any:
    image = IMAGE.astype(dtype)
    image[HIDDEN, 1] = value
    return image


def labelled(image: Any, **attributes: Any) -> xr.DataArray:
    return xr.DataArray(image, dims=("y", "x", "band"), attrs=attributes)


def as_zarr(folder: Path, **attributes: Any) -> Path:
    """What xarray writes with a fill value, which in Zarr v3 it packs into base64."""
    version = attributes.pop("version")
    found = labelled(with_value(-9999.0)).to_dataset(name="img")
    found.img.encoding.update(attributes)
    found.to_zarr(folder / "a.zarr", zarr_format=version, consolidated=False)
    return folder / "a.zarr"


@pytest.mark.parametrize(
    "make",
    [
        lambda _: masked(),
        lambda _: masked("float32"),
        lambda _: masked()[..., 1],
        lambda _: da.from_array(masked(), chunks=(7, 11, 3)),
        lambda _: da.ma.masked_equal(da.from_array(with_value(-7, "int16"), chunks=9), -7),
        lambda _: xr.DataArray(
            da.from_array(masked(), chunks=(7, 30, 3)), dims=("y", "x", "band")
        ).transpose("band", "y", "x"),
        lambda _: labelled(with_value(-1, "int16"), _FillValue=-1),
        lambda _: labelled(with_value(-9999), missing_value=np.float32(-9999)),
        lambda _: with_value(np.inf),
        lambda _: with_value(-np.inf, "float64"),
        lambda _: da.from_array(with_value(-np.inf), chunks=8),
        lambda folder: as_zarr(folder, version=2, _FillValue=-9999.0),
        lambda folder: as_zarr(folder, version=3, _FillValue=-9999.0),
    ],
    ids=[
        *("numpy", "floats", "one band", "dask", "dask's own mask", "xarray of masked dask"),
        *("fill value", "missing value", "infinity", "minus infinity", "infinity of dask"),
        *("xarray's Zarr v2", "xarray's Zarr v3"),
    ],
)
def test_hidden_pixels_are_missing(make: Callable[[Path], Any], tmp_path: Path) -> None:
    with open_source(make(tmp_path)) as source:
        assert source.info.masked
        valid = source.read(source.info.window).valid
    assert valid is not None
    np.testing.assert_array_equal(valid, ~HIDDEN)


def test_a_band_that_is_not_read_hides_nothing() -> None:
    for image in (masked(), da.from_array(masked(), chunks=10)):
        with open_source(image, bands=[3, 1]) as source:
            pixels_ = source.read(source.info.window)
        assert pixels_.valid is None
        np.testing.assert_array_equal(pixels_.values, IMAGE[..., [2, 0]])


@pytest.mark.parametrize("version", [2, 3])
def test_unwritten_chunks_of_xarray_are_no_nodata(version: int, tmp_path: Path) -> None:
    labelled(IMAGE).to_dataset(name="img").to_zarr(
        tmp_path / "a.zarr", zarr_format=version, consolidated=False
    )
    with open_source(tmp_path / "a.zarr") as source:
        assert source.info.nodata is None


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_number_in_a_file(value: float, write_raster: WriteRaster) -> None:
    path = write_raster("a.tif", with_value(value))
    with open_source(path) as source:
        valid = source.read(source.info.window).valid
    np.testing.assert_array_equal(valid, ~HIDDEN)


def scaled(folder: Path, kind: str, write_raster: WriteRaster) -> Any:
    """Reflectances as scaled integers, with nodata 0."""
    image = pixels(20, 30, 2, "uint16")
    image[HIDDEN] = 0
    if kind == "GeoTIFF":
        path = write_raster("a.tif", image, nodata=0, transform=rasterio.Affine(1, 0, 0, 0, -1, 9))
        with rasterio.open(path, "r+") as file:
            file.scales, file.offsets = (0.0001, 0.0002), (-0.1, 0)
        return path
    attributes = {"scale_factor": 0.0001, "add_offset": -0.1, "_FillValue": 0}
    if kind == "xarray":
        return labelled(image, **attributes)
    array = zarr.create_array(folder / "a.zarr", data=image, dimension_names=("y", "x", "band"))
    array.attrs.update(attributes)
    return folder / "a.zarr"


@pytest.mark.parametrize("kind", ["GeoTIFF", "xarray", "Zarr"])
def test_scale_and_offset(kind: str, tmp_path: Path, write_raster: WriteRaster) -> None:
    image = scaled(tmp_path, kind, write_raster)
    second = (0.0002, 0.0) if kind == "GeoTIFF" else (0.0001, -0.1)
    with open_source(image) as source:
        assert source.info.scaling == ((0.0001, -0.1), second)
        assert "--unscale" in source.info.notes[0]
        stored = source.read(source.info.window)
        assert stored.values.dtype == np.uint16
    with open_source(image, unscale=True, bands=[2, 1]) as source:
        assert (source.info.dtype, source.info.scaling, source.info.notes) == (np.float32, (), ())
        read = source.read(source.info.window)
    for band, (scale, offset) in zip((1, 0), ((0.0001, -0.1), second), strict=True):
        meaning = stored.values[..., 1 - band] * scale + offset
        np.testing.assert_allclose(read.values[..., band], meaning, atol=1e-6)
    np.testing.assert_array_equal(read.valid, ~HIDDEN)


def test_nothing_to_unscale() -> None:
    with pytest.raises(SettingsError, match="neither scale nor offset"):
        open_source(IMAGE, unscale=True)


def test_a_dataset_of_several_images_is_refused_with_a_way_that_works() -> None:
    dataset = xr.Dataset({name: labelled(IMAGE)[..., n] for n, name in enumerate("rgb")})
    with pytest.raises(SourceError, match=r"3 images \(r, g, b\); .*to_array\('band'\)"):
        open_source(dataset)
    with open_source(dataset[["b", "r"]].to_array("band")) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values, IMAGE[..., [2, 0]])
