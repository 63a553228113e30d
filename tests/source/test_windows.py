"""Any window of any kind of image is the slice of the whole image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import xarray
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels

HEIGHT, WIDTH = 71, 53
TRUTH = pixels(HEIGHT, WIDTH, 3)


def _tiled_tiff(folder: Path, write: WriteRaster) -> Any:
    return write("tiled.tif", TRUTH, tiled=True, blockxsize=16, blockysize=32, compress="lzw")


def _planar_tiff(folder: Path, write: WriteRaster) -> Any:
    return write("planar.tif", TRUTH, interleave="band", compress="deflate")


def _png(folder: Path, write: WriteRaster) -> Any:
    Image.fromarray(TRUTH).save(folder / "image.png")
    return folder / "image.png"


def _photo(folder: Path, write: WriteRaster) -> Any:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(TRUTH))).save(folder / "photo.png", exif=exif)
    return folder / "photo.png"


def _jpeg2000(folder: Path, write: WriteRaster) -> Any:
    return write("image.jp2", TRUTH, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")


def _vrt(folder: Path, write: WriteRaster) -> Any:
    write("tiled.tif", TRUTH)
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n}"><SimpleSource><SourceFilename '
        f'relativeToVRT="1">tiled.tif</SourceFilename><SourceBand>{n}</SourceBand></SimpleSource>'
        "</VRTRasterBand>"
        for n in (1, 2, 3)
    )
    path = folder / "image.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}">{bands}</VRTDataset>'
    )
    return path


def _stack(folder: Path, write: WriteRaster) -> Any:
    return [write("red.tif", TRUTH[..., :1]), write("rest.tif", TRUTH[..., 1:])]


def _ome_tiff(folder: Path, write: WriteRaster) -> Any:
    path = folder / "image.ome.tif"
    tifffile.imwrite(
        path,
        TRUTH.transpose(2, 0, 1),
        tile=(16, 32),
        compression="zlib",
        metadata={"axes": "CYX"},
        photometric="minisblack",
    )
    return path


def _slide_samples(folder: Path, write: WriteRaster) -> Any:
    path = folder / "samples.ome.tif"
    tifffile.imwrite(path, TRUTH, photometric="rgb", tile=(32, 16), compression="lzw")
    return path


def _slide_planar(folder: Path, write: WriteRaster) -> Any:
    path = folder / "planar.ome.tif"
    tifffile.imwrite(
        path,
        TRUTH.transpose(2, 0, 1),
        photometric="rgb",
        planarconfig="separate",
        tile=(32, 16),
        compression="lzw",
    )
    return path


def _slide_plain(folder: Path, write: WriteRaster) -> Any:
    path = folder / "plain.ome.tif"
    tifffile.imwrite(path, TRUTH.astype(">u2"), photometric="rgb", byteorder=">")
    return path


def _zarr(zarr_format: int, bands_first: bool) -> Callable[[Path, WriteRaster], Any]:
    def make(folder: Path, write: WriteRaster) -> Any:
        data = TRUTH.transpose(2, 0, 1) if bands_first else TRUTH
        chunks = (1, 16, 20) if bands_first else (16, 20, 3)
        zarr.create_array(folder / "image.zarr", data=data, chunks=chunks, zarr_format=zarr_format)
        return folder / "image.zarr"

    return make


def _memory_zarr(folder: Path, write: WriteRaster) -> Any:
    return zarr.create_array({}, data=TRUTH, chunks=(16, 20, 3), shards=(32, 40, 3))


KINDS: dict[str, Callable[[Path, WriteRaster], Any]] = {
    "tiled TIFF": _tiled_tiff,
    "planar TIFF": _planar_tiff,
    "PNG": _png,
    "photo on its side": _photo,
    "JPEG 2000": _jpeg2000,
    "VRT": _vrt,
    "stack": _stack,
    "OME-TIFF": _ome_tiff,
    "TIFF samples": _slide_samples,
    "TIFF separate samples": _slide_planar,
    "TIFF plain big-endian": _slide_plain,
    "Zarr v2": _zarr(2, bands_first=False),
    "Zarr v3, bands first": _zarr(3, bands_first=True),
    "Zarr in memory, sharded": _memory_zarr,
    "numpy": lambda folder, write: TRUTH,
    "numpy, Fortran order": lambda folder, write: np.asfortranarray(TRUTH),
    "numpy, big-endian": lambda folder, write: TRUTH.astype(">i4"),
    "dask": lambda folder, write: da.from_array(TRUTH, chunks=(16, 20, 2)),
    "xarray": lambda folder, write: xarray.DataArray(
        TRUTH.transpose(2, 0, 1), dims=("band", "y", "x")
    ),
}

# The fixtures of one test are shared by all its examples, which only read.
relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    row, col = draw(st.integers(0, HEIGHT - 1)), draw(st.integers(0, WIDTH - 1))
    height, width = draw(st.integers(1, HEIGHT - row)), draw(st.integers(1, WIDTH - col))
    return Window(row, col, height, width)


@pytest.mark.parametrize("kind", KINDS)
def test_any_window_is_the_slice_of_the_whole(
    kind: str, tmp_path: Path, write_raster: WriteRaster
) -> None:
    with open_source(KINDS[kind](tmp_path, write_raster)) as source:
        assert (source.info.height, source.info.width, source.info.bands) == TRUTH.shape
        assert source.info.dtype.isnative

        @relaxed
        @given(windows())
        def check(window: Window) -> None:
            read = source.read(window)
            assert read.values.dtype == source.info.dtype
            assert read.values.flags.c_contiguous
            np.testing.assert_array_equal(read.values, TRUTH[window.slices])
            assert read.valid is None

        check()


@pytest.mark.parametrize("kind", KINDS)
def test_bands_come_in_the_order_asked_for(
    kind: str, tmp_path: Path, write_raster: WriteRaster
) -> None:
    with open_source(KINDS[kind](tmp_path, write_raster), bands=[3, 1]) as source:
        window = Window(3, 5, 40, 30)
        np.testing.assert_array_equal(source.read(window).values, TRUTH[window.slices][..., [2, 0]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_band_that_is_not_there_is_refused(
    kind: str, tmp_path: Path, write_raster: WriteRaster
) -> None:
    with pytest.raises(SourceError, match=r"band 4 was asked for, but the image has 3 bands"):
        open_source(KINDS[kind](tmp_path, write_raster), bands=[1, 4])


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_outside_is_refused(kind: str, tmp_path: Path, write_raster: WriteRaster) -> None:
    with (
        open_source(KINDS[kind](tmp_path, write_raster)) as source,
        pytest.raises(SourceError, match="leaves the image"),
    ):
        source.read(Window(60, 0, 12, 5))


@pytest.mark.parametrize("kind", KINDS)
def test_nodata_given_by_the_user(kind: str, tmp_path: Path, write_raster: WriteRaster) -> None:
    value = int(TRUTH[10, 10, 0])
    image = KINDS[kind](tmp_path, write_raster)
    with open_source(image, bands=[1], nodata=value) as source:
        assert source.info.masked
        assert source.info.nodata == value
        np.testing.assert_array_equal(source.read(source.info.window).valid, TRUTH[..., 0] != value)
