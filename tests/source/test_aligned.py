"""Zarr and arrays on the grid of another image, as GDAL would lay a GeoTIFF there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from tilesegm.data.labels.open import open_on_grid
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source import aligned
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels

UTM33, UTM32 = (rasterio.CRS.from_epsg(code) for code in (32633, 32632))
IDS = pixels(150, 170, 1)


def grid(height: int, width: int, transform: Any, crs: Any = UTM33) -> ImageInfo:
    place = Georeference(crs=crs and crs.to_wkt(), transform=tuple(transform)[:6])
    return ImageInfo(
        "grid", "test", height, width, 1, np.dtype("uint8"), (64, 64), georeference=place
    )


def labelled(transform: rasterio.Affine, crs: Any = UTM33, ids: Any = IDS) -> xr.DataArray:
    array = xr.DataArray(ids[..., 0], dims=("y", "x"))
    words = " ".join(map(repr, map(float, transform.to_gdal())))
    attributes = {"GeoTransform": words} | ({"crs_wkt": crs.to_wkt()} if crs else {})
    array.coords["spatial_ref"] = xr.DataArray(0, attrs=attributes)
    return array


HERE = rasterio.Affine(10, 0, 500000, 0, -10, 4000000)
GRIDS = {
    "finer": grid(300, 340, (5, 0, 500000, 0, -5, 4000000)),
    "coarser and beyond": grid(80, 90, (27, 0, 499927, 0, -27, 3999969)),
    "turned": grid(120, 140, (9.5630, -2.9237, 500500, -2.9237, -9.5630, 3999700)),
    "another system": grid(220, 240, (9.5, 0, 1040050, 0, -9.5, 4016850), UTM32),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("small", [False, True], ids=["at once", "in parts"])
def test_as_gdal_lays_it(
    name: str, small: bool, write_raster: WriteRaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = GRIDS[name]
    path = write_raster("ids.tif", IDS, crs=UTM33, transform=HERE)
    with (
        rasterio.open(path) as file,
        WarpedVRT(
            file,
            crs=there.georeference.crs,
            transform=rasterio.Affine(*there.georeference.transform or ()),
            height=there.height,
            width=there.width,
            resampling=Resampling.nearest,
            add_alpha=True,
            tolerance=0.001,
        ) as warped,
    ):
        expected, alpha = warped.read()
    if small:
        monkeypatch.setattr(aligned, "_PIXELS", 500)
    with open_on_grid(labelled(HERE), there) as source:
        assert (source.info.height, source.info.width) == (there.height, there.width)
        window = Window(5, 3, there.height - 9, there.width - 11)
        read = source.read(window)
    expected, alpha = expected[window.slices], alpha[window.slices] > 0
    valid = np.ones(alpha.shape, bool) if read.valid is None else read.valid
    assert alpha.mean() > 0.1
    # Where a centre lies on the edge of two pixels, rounding decides.
    assert (valid == alpha).mean() > 0.999
    both = valid & alpha
    assert (read.values[..., 0] == expected)[both].mean() > 0.997


def test_what_the_array_misses_stays_missing() -> None:
    ids = np.ma.MaskedArray(IDS, IDS[40, 50] == IDS)
    with open_on_grid(
        labelled(HERE, ids=np.where(ids.mask, np.nan, IDS)), GRIDS["finer"]
    ) as source:
        valid = source.read(source.info.window).valid
    assert valid is not None
    np.testing.assert_array_equal(valid, ~np.kron(ids.mask[..., 0], np.ones((2, 2), bool)))


def test_elsewhere_is_refused(tmp_path: Path) -> None:
    far = labelled(rasterio.Affine(10, 0, 900000, 0, -10, 4000000))
    here = grid(150, 170, HERE)
    with pytest.raises(SourceError, match="no pixel in common"):
        open_on_grid(far, here)
    far.to_dataset(name="ids").to_zarr(tmp_path / "far.zarr", zarr_format=2, consolidated=False)
    with pytest.raises(SourceError, match="no pixel in common"):
        open_on_grid(str(tmp_path / "far.zarr"), here)


def test_the_same_grid_is_read_as_it_is() -> None:
    with open_on_grid(labelled(HERE), grid(150, 170, HERE)) as source:
        assert type(source) is type(open_source(labelled(HERE)))
