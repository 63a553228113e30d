"""Arrays of numpy, dask and xarray."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray
import zarr

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import pixels

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_is_kept(dtype: str) -> None:
    image = pixels(6, 5, 2, dtype)
    with open_source(image) as source:
        read = source.read(source.info.window).values
    assert read.dtype == source.info.dtype == dtype
    np.testing.assert_array_equal(read, image)


def test_two_axes_are_one_band() -> None:
    with open_source(pixels(6, 5, 1)[..., 0]) as source:
        assert source.info.bands == 1
        assert source.read(Window(1, 1, 2, 3)).values.shape == (2, 3, 1)


def test_dask_computes_only_the_chunks_of_the_window() -> None:
    computed = []

    def chunk(block_info: Any = None) -> np.ndarray:
        computed.append(block_info[None]["chunk-location"])
        return np.ones((8, 8), np.uint8)

    lazy = da.map_blocks(chunk, chunks=((8,) * 9, (8,) * 9), dtype="uint8", meta=np.empty((0, 0)))
    with open_source(lazy) as source:
        assert source.info.block == (8, 8)
        computed.clear()
        source.read(Window(8, 20, 8, 9))
    assert sorted(computed) == [(1, 2), (1, 3)]


def test_of_a_dask_array_only_the_bands_that_are_read_are_computed() -> None:
    computed = []

    def chunk(block_info: Any = None) -> np.ndarray:
        location = block_info[None]["chunk-location"]
        computed.append(location)
        return np.full((8, 8, 1), location[2], np.uint8)

    chunks = ((8, 8), (8, 8), (1,) * 50)
    lazy = da.map_blocks(chunk, chunks=chunks, dtype="uint8", meta=np.empty((0, 0, 0)))
    for image in (lazy, xarray.DataArray(lazy, dims=("y", "x", "band"))):
        with open_source(image, bands=[30, 2]) as source:
            computed.clear()
            read = source.read(Window(0, 8, 8, 8)).values
        assert (read == [29, 1]).all()
        assert sorted(computed) == [(0, 1, 1), (0, 1, 29)]


def test_no_more_of_a_dask_array_than_a_row_of_chunks_is_in_memory() -> None:
    alive = most = 0
    lock = threading.Lock()

    def released() -> None:
        nonlocal alive
        alive -= 1

    def chunk(block_info: Any = None) -> np.ndarray:
        nonlocal alive, most
        values = np.zeros((8, 8), np.uint8)
        with lock:
            alive += 1
            most = max(most, alive)
        weakref.finalize(values, released)
        return values

    lazy = da.map_blocks(chunk, chunks=((8,) * 40, (8,) * 3), dtype="uint8", meta=np.empty((0, 0)))
    with open_source(lazy) as source:
        most = 0
        for window in source.info.window.tiles(source.info.block[0], 24):
            source.read(window)
    assert 0 < most <= 2 * 3


def test_dask_is_imported_for_dask_alone() -> None:
    code = (
        "import sys, numpy, tilesegm;"
        "tilesegm.open_source(numpy.zeros((4, 4, 2), 'uint8'), bands=[2]);"
        "print('dask' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_dask_error_names_the_window() -> None:
    def fail(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 1:
            raise RuntimeError("the disk is on fire")
        return block

    lazy = da.ones((900, 90), chunks=(90, 90), dtype="uint8").map_blocks(fail, dtype="uint8")
    with (
        open_source(lazy) as source,
        pytest.raises(SourceError, match=r"Window\(row=90, .*the disk is on fire"),
    ):
        source.read(Window(90, 0, 10, 10))


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("band", "y", "x"), ("x", "band", "y")])
def test_xarray_dimensions_in_any_order(dims: tuple[str, ...]) -> None:
    image = pixels(6, 5, 3)
    cube = xarray.DataArray(image, dims=("y", "x", "band")).transpose(*dims)
    with open_source(cube) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values, image)


@pytest.mark.parametrize("band", ["c", "s", "band", "bands", "channel", "channels", "Channels"])
@pytest.mark.parametrize("rows", ["y", "lat", "latitude", "row", "rows"])
@pytest.mark.parametrize("cols", ["x", "lon", "longitude", "col", "cols"])
def test_xarray_dimensions_have_the_names_of_zarr_axes(rows: str, cols: str, band: str) -> None:
    image = pixels(6, 5, 3)
    cube = xarray.DataArray(image.transpose(2, 0, 1), dims=(band, rows, cols))
    store = zarr.create_array({}, data=cube.values, dimension_names=cube.dims)
    for named in (cube, store):
        with open_source(named) as source:
            np.testing.assert_array_equal(source.read(source.info.window).values, image)


def test_xarray_of_dask_stays_lazy() -> None:
    image = pixels(64, 48, 3)
    lazy = da.from_array(image.transpose(2, 0, 1), chunks=(3, 16, 24))
    with open_source(xarray.DataArray(lazy, dims=("band", "lat", "lon"))) as source:
        assert source.info.block == (16, 24)
        np.testing.assert_array_equal(source.read(Window(10, 9, 20, 30)).values, image[10:30, 9:39])


@pytest.mark.parametrize("dims", [("time", "y", "x"), ("a", "b", "c")])
def test_xarray_of_other_dimensions_is_refused(dims: tuple[str, ...]) -> None:
    with pytest.raises(SourceError, match="expected y and x, and band if there are several"):
        open_source(xarray.DataArray(pixels(6, 5, 3), dims=dims))


class Stored:
    """An array on disk as h5py gives it: sliced lazily, one chunk shape."""

    def __init__(self, data: np.ndarray, chunks: tuple[int, ...]) -> None:
        self._data, self.chunks = data, chunks
        self.shape, self.dtype = data.shape, data.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._data[index]


def test_anything_that_slices_like_an_array() -> None:
    image = pixels(64, 48, 3)
    with open_source(Stored(image, (16, 24, 3))) as source:
        assert source.info.block == (16, 24)
        np.testing.assert_array_equal(source.read(Window(10, 9, 20, 30)).values, image[10:30, 9:39])


def test_tensor_of_another_library_is_refused() -> None:
    tensor = Stored(pixels(4, 4, 1), (4, 4, 1))
    tensor.dtype = "torch.uint8"  # type: ignore[assignment]
    with pytest.raises(SourceError, match=r"pixels are torch\.uint8; pass a numpy array"):
        open_source(tensor)


def test_dask_of_unknown_size_is_refused() -> None:
    lazy = da.ones((20, 20), chunks=10)
    with pytest.raises(SourceError, match="call its compute_chunk_sizes"):
        open_source(lazy[lazy[:, 0] > 0])
