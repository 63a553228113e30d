"""What only raster files have."""

from __future__ import annotations

import ctypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_is_kept(dtype: str, write_raster: WriteRaster) -> None:
    image = pixels(6, 5, 2, dtype)
    with open_source(write_raster("image.tif", image)) as source:
        read = source.read(source.info.window).values
    assert read.dtype == source.info.dtype == dtype
    np.testing.assert_array_equal(read, image)


@contextmanager
def changing(path: Path) -> Iterator[Any]:
    """Open a raster for changing its metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as out:
            yield out


def test_bigtiff(write_raster: WriteRaster) -> None:
    image = pixels(6, 5, 2)
    path = write_raster("image.tif", image, BIGTIFF="YES")
    assert path.read_bytes()[2] == 43
    with open_source(path) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values, image)


def test_nothing_is_invented_without_georeference(write_raster: WriteRaster) -> None:
    with open_source(write_raster("bare.tif", pixels(6, 5, 1))) as source:
        place = source.info.georeference
    assert (place.crs, place.transform, place.gcps, place.rpcs) == (None, None, (), ())


def test_ground_control_points(tmp_path: Path) -> None:
    points = [
        GroundControlPoint(row=r, col=c, x=10.0 + c, y=50.0 - r, z=3.0)
        for r, c in ((0, 0), (0, 4), (5, 0))
    ]
    path = tmp_path / "swath.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=6,
        width=5,
        count=1,
        dtype="uint8",
        gcps=points,
        crs="EPSG:4326",
    ) as out:
        out.write(np.ones((1, 6, 5), np.uint8))
    with open_source(path) as source:
        place = source.info.georeference
    assert place.gcps == ((0, 0, 10, 50, 3), (0, 4, 14, 50, 3), (5, 0, 10, 45, 3))
    assert rasterio.CRS.from_wkt(place.gcp_crs) == "EPSG:4326"
    assert (place.crs, place.transform) == (None, None)


def test_rational_polynomials(write_raster: WriteRaster) -> None:
    path = write_raster("scene.tif", pixels(6, 5, 1))
    names = ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")
    told = {f"{name}_COEFF": " ".join(["1"] * 20) for name in names}
    for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT"):
        told |= {f"{axis}_OFF": "2", f"{axis}_SCALE": "3"}
    with changing(path) as out:
        out.update_tags(ns="RPC", **told)
    with open_source(path) as source:
        rpcs = source.info.georeference.rpcs
    assert [name for name, _ in rpcs] == sorted(name for name, _ in rpcs)
    assert float(dict(rpcs)["LAT_SCALE"]) == 3


def test_band_names(write_raster: WriteRaster) -> None:
    path = write_raster("named.tif", pixels(6, 5, 3))
    with changing(path) as out:
        out.set_band_description(2, "near infrared")
    with open_source(path, bands=[2, 1]) as source:
        assert source.info.band_names == ("near infrared", "band 1")


def test_palette_gives_ids(write_raster: WriteRaster) -> None:
    path = write_raster("classes.tif", pixels(6, 5, 1), colorinterp=[ColorInterp.palette])
    with changing(path) as out:
        out.write_colormap(1, {1: (255, 0, 0, 255)})
    with open_source(path) as source:
        assert source.info.bands == 1
        np.testing.assert_array_equal(source.read(source.info.window).values, pixels(6, 5, 1))


def test_image_that_is_alpha_alone_is_read(write_raster: WriteRaster) -> None:
    path = write_raster("alpha.tif", pixels(6, 5, 1), colorinterp=[ColorInterp.alpha])
    with open_source(path) as source:
        assert (source.info.bands, source.info.masked) == (1, False)


def test_another_thread_may_read(write_raster: WriteRaster) -> None:
    image = pixels(64, 48, 3)
    path = write_raster("image.tif", image, compress="deflate")
    read = []
    with open_source(path) as source:
        for _ in range(2):
            thread = threading.Thread(target=lambda: read.append(source.read(source.info.window)))
            thread.start()
            thread.join()
    for part in read:
        np.testing.assert_array_equal(part.values, image)
    assert len(read) == 2


def test_block_cache_stays_bounded(write_raster: WriteRaster) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("the GDAL library in use is found through /proc")
    # Other packages may have brought a GDAL of their own into the process.
    paths = [line.split()[-1] for line in maps.read_text().splitlines() if "libgdal" in line]
    mine = [path for path in paths if "rasterio" in path] or paths
    limit = ctypes.CDLL(mine[0]).GDALGetCacheMax64
    limit.restype = ctypes.c_int64

    def write() -> None:
        with rasterio.Env(GDAL_CACHEMAX=5 << 20):
            assert limit() == 5 << 20

    path = write_raster("image.tif", pixels(9, 9, 1))
    with open_source(path, cache_bytes=3 << 20) as source:
        assert limit() == 3 << 20
        # Another thread's setting neither outlives its use nor is undone while it lasts.
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert limit() == 3 << 20
        with rasterio.Env():
            source.read(Window(0, 0, 9, 9))
        assert limit() == 3 << 20


def test_stack_joins_dtypes_and_names(write_raster: WriteRaster) -> None:
    red, heat = pixels(6, 5, 1), pixels(6, 5, 2, "float32")
    paths = [write_raster("red.tif", red), write_raster("heat.tif", heat)]
    with open_source(paths) as source:
        assert source.info.dtype == "float32"
        assert source.info.band_names == ("red", "heat band 1", "heat band 2")
        read = source.read(source.info.window).values
    np.testing.assert_array_equal(read, np.concatenate([red, heat], axis=-1))


def test_one_path_in_a_list_is_that_image(write_raster: WriteRaster) -> None:
    path = write_raster("image.tif", pixels(6, 5, 3))
    with open_source([str(path)]) as source:
        assert source.info.uri == str(path)
