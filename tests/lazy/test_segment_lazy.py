"""A lazy map has the pixels of `segment`, and computes no more of them than are asked for."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import tilesegm as ts
from tests.images import GEO, blobs, write

TILING = ts.Tiling(tile=128, overlap=32)


def slanted(tiles: NDArray[Any]) -> NDArray[Any]:
    """Scores that depend on where a pixel lies in its tile, so that blending shows everywhere."""
    rows, cols = np.meshgrid(*map(np.arange, tiles.shape[1:3]), indexing="ij")
    return tiles[..., :3] / 60 + np.stack([np.sin(rows / 9), np.cos(cols / 7), rows * 0 + 0.3], -1)


class Seen:
    """A network that notes the upper left corners of the tiles that it sees.

    The image has the row and the column of a pixel as bands; tiles that fill up a batch are even.
    """

    def __init__(self) -> None:
        self.corners: list[tuple[int, int]] = []

    def __call__(self, tiles: NDArray[Any]) -> NDArray[Any]:
        self.corners += [(int(t[0, 0, 0]), int(t[0, 0, 1])) for t in tiles if np.ptp(t) > 0]
        return np.sin(tiles / 50)

    def __dask_tokenize__(self) -> str:
        return "seen"


def coordinates(height: int, width: int) -> NDArray[np.float32]:
    return np.stack(np.mgrid[:height, :width], -1).astype(np.float32)


def test_a_slice_computes_the_tiles_that_touch_it() -> None:
    image, network = coordinates(2600, 3100), Seen()
    tiling = ts.Tiling(tile=256, overlap=64)
    expected = ts.segment(image, network, tiling=tiling).classes[1000:1200, 2000:2300]
    network.corners.clear()
    part = ts.segment_lazy(image, network, tiling=tiling)[1000:1200, 2000:2300]
    network.corners.clear()  # a function is tried on zeros
    np.testing.assert_array_equal(part.compute(), expected)
    # Tiles start at multiples of 192, and 24 pixels at their edges have no weight: those that
    # reach into rows 1000 to 1200 start at 960 and 1152, and likewise for columns.
    assert sorted(network.corners) == [(960, 1920), (960, 2112), (1152, 1920), (1152, 2112)]


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr", "path"])
def test_all_kinds_of_images_and_layers(kind: str, tmp_path: Path) -> None:
    pixels = blobs(500, 430)
    pixels[100:180, 300:400] = 0
    image: Any = pixels
    if kind == "dask":
        image = da.from_array(pixels, chunks=(97, 111, 2))
    elif kind == "zarr":
        image = zarr.array(pixels, chunks=(64, 64, 3))
    elif kind == "path":
        image = str(write(tmp_path / "image.tif", pixels, **GEO))
    options = ts.Options(nodata=0, confidence="margin", scores="uint8")
    expected = ts.segment(image, slanted, tiling=TILING, options=options)
    names = ("classes", "confidence", "scores")

    def lazily(layer: Any) -> Any:
        return ts.segment_lazy(
            image, slanted, tiling=TILING, options=options, layer=layer, chunk=(150, 200)
        )

    together, alone = lazily(names), [lazily(name) for name in names]
    for name, one, other, value in zip(
        names, together, alone, dask.compute(*together), strict=True
    ):
        wanted = getattr(expected, name)
        assert one.dtype == other.dtype == value.dtype == wanted.dtype
        assert one.chunksize[-2:] == other.chunksize[-2:] == (150, 200)
        np.testing.assert_array_equal(value, wanted)
        np.testing.assert_array_equal(other.compute(), wanted)
    assert expected.classes[140, 350] == 255
    again = lazily("classes")
    assert again.name == alone[0].name, "the same input gives the same keys"
    assert again.name != ts.segment_lazy(image, slanted, tiling=TILING, options=options).name


def test_several_layers_come_from_one_pass() -> None:
    image, network = coordinates(300, 500), Seen()
    options = ts.Options(confidence="top")
    arrays = ts.segment_lazy(
        image, network, tiling=TILING, options=options, layer=("classes", "confidence")
    )
    network.corners.clear()
    dask.compute(*arrays)
    # One chunk; starts at 0, 96, 172 and 0, 96 ... 288, 372.
    assert len(network.corners) == len(set(network.corners)) == 3 * 5


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_size_tile_chunk_and_slice(data: st.DataObject) -> None:
    def sizes(low: int, high: int) -> Any:
        return st.tuples(st.integers(low, high), st.integers(low, high))

    height, width = data.draw(sizes(1, 90), "size")
    tile = data.draw(st.integers(4, 40), "tile")
    tiling = ts.Tiling(
        tile=tile,
        overlap=data.draw(st.integers(0, tile - 1), "overlap"),
        blend=data.draw(st.sampled_from(["hann", "linear", "crop"]), "blend"),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))
    pixels = rng.integers(0, 250, (height, width, 3)).astype(np.uint8)
    options = ts.Options(nodata=0)
    pixels[: height // 3, width // 2 :] = 0
    image = pixels
    if data.draw(st.booleans(), "dask"):
        image = da.from_array(pixels, chunks=(*data.draw(sizes(1, 60), "chunks"), 2))
    expected = ts.segment(pixels, slanted, tiling=tiling, options=options).classes
    lazy = ts.segment_lazy(
        image, slanted, tiling=tiling, options=options, chunk=data.draw(sizes(7, 60), "chunk")
    )
    chosen = tuple(data.draw(st.slices(side), "slice") for side in (height, width))
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(lazy.compute(), expected)
        np.testing.assert_array_equal(lazy[chosen].compute(), expected[chosen])
        row = data.draw(st.integers(-height, height - 1), "row")
        np.testing.assert_array_equal(lazy[row, ::-3].compute(), expected[row, ::-3])
        picked = data.draw(st.lists(st.integers(0, width - 1), max_size=4), "columns")
        np.testing.assert_array_equal(lazy[:, picked].compute(), expected[:, picked])


def test_no_more_chunks_of_the_image_are_computed_than_tiles_see() -> None:
    pixels, read = blobs(600, 700), set()

    def note(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        read.add(tuple(block_info[0]["chunk-location"][:2]))
        return block

    image = da.from_array(pixels, chunks=(90, 70, 3)).map_blocks(note, dtype=np.uint8)
    lazy = ts.segment_lazy(image, slanted, tiling=TILING, chunk=96)
    assert not read, "nothing is read before anything is asked for"
    expected = ts.segment(pixels, slanted, tiling=TILING).classes
    np.testing.assert_array_equal(lazy[200:280, 300:380].compute(), expected[200:280, 300:380])
    # The chunks of the map are rows 192 to 288 and columns 288 to 384; tiles that reach into
    # them, 12 pixels at their edges without weight, start at 96 and 192, and at 192 and 288.
    rows = range(96 // 90, -(-(192 + 128) // 90))
    cols = range(192 // 70, -(-(288 + 128) // 70))
    assert read == {(row, col) for row in rows for col in cols}
    read.clear()
    lazy.compute()
    assert len(read) == 7 * 10


def test_it_composes(tmp_path: Path) -> None:
    pixels = blobs(400, 500)
    expected = ts.segment(pixels, slanted, tiling=TILING).classes
    lazy = ts.segment_lazy(da.from_array(pixels), slanted, tiling=TILING, chunk=192)
    da.to_zarr(lazy, tmp_path / "map.zarr")
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "map.zarr")[:], expected)
    np.testing.assert_array_equal(lazy.persist()[7:90].compute(), expected[7:90])
    np.testing.assert_array_equal((lazy.map_blocks(np.negative) + 1).compute(), 1 - expected)
    np.testing.assert_array_equal(lazy.rechunk(100)[50:].compute(), expected[50:])


def test_another_process_opens_image_and_network_once(tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(300, 300), **GEO)
    opened = tmp_path / "opened"

    class Counted:
        """Notes the process in which it is unpacked."""

        def __call__(self, tiles: NDArray[Any]) -> NDArray[Any]:
            return tiles[..., :2]

        def __setstate__(self, state: dict[str, Any]) -> None:
            with opened.open("a") as file:
                file.write(f"{os.getpid()}\n")

        def __getstate__(self) -> dict[str, Any]:
            return {"state": 1}

    lazy = ts.segment_lazy(image, Counted(), tiling=TILING, chunk=96)
    assert len(cloudpickle.dumps(lazy)) < 20_000
    values = lazy.compute(scheduler="processes", num_workers=1)
    np.testing.assert_array_equal(values, ts.segment(image, Counted(), tiling=TILING).classes)
    # Dask unpacks it in this process too, to name it.
    elsewhere = [line for line in opened.read_text().split() if line != str(os.getpid())]
    assert len(elsewhere) == 1 < len(lazy.dask)


def test_a_copy_notices_that_the_image_changed(tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(200, 200), **GEO)
    lazy = ts.segment_lazy(image, slanted, tiling=TILING)
    packed = cloudpickle.dumps(lazy)
    del lazy
    write(image, blobs(200, 200, seed=1), **GEO)
    with pytest.raises(ts.TilesegmError, match="the image changed since segment_lazy was called"):
        pickle.loads(packed).compute(scheduler="synchronous")


def test_an_area_of_interest_holds(tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(300, 300), **GEO)
    mask = np.zeros((300, 300), np.uint8)
    mask[40:160, 30:200] = 1
    options = ts.Options(area=write(tmp_path / "mask.tif", mask, **GEO))
    expected = ts.segment(image, slanted, tiling=TILING, options=options).classes
    lazy = ts.segment_lazy(image, slanted, tiling=TILING, options=options, chunk=100)
    np.testing.assert_array_equal(lazy.compute(), expected)


def masked(pixels: NDArray[Any]) -> Any:
    return np.ma.masked_array(pixels, np.broadcast_to(pixels[..., :1] > 150, pixels.shape))


@pytest.mark.parametrize("make", [np.float32, np.uint16, masked], ids=["float", "uint16", "masked"])
def test_missing_pixels_of_dask_arrays(make: Any) -> None:
    pixels = make(blobs(200, 210))
    if pixels.dtype == np.float32:
        pixels[50:60, 70:90, 1] = np.nan
    options = ts.Options(bands=(3, 1, 2))
    image = da.from_array(pixels, chunks=(64, 50, 3))
    expected = ts.segment(pixels, slanted, tiling=TILING, options=options).classes
    lazy = ts.segment_lazy(image, slanted, tiling=TILING, options=options, chunk=90)
    np.testing.assert_array_equal(lazy.compute(), expected)


IMAGE = np.zeros((60, 70, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "settings", "message"),
    [
        (IMAGE, {"chunk": 0}, "chunk is 0; expected a number of pixels"),
        (IMAGE, {"chunk": (5, 6, 7)}, "chunk is .5, 6, 7.; expected"),
        (IMAGE, {"layer": "class"}, "layer is 'class'; expected classes, confidence, scores"),
        (IMAGE, {"layer": ()}, "layer is empty"),
        (IMAGE, {"layer": "scores"}, r"pass options=Options\(scores='uint8'\)"),
        (IMAGE, {"options": ts.Options(compress="zstd")}, "a lazy map writes none"),
        (IMAGE, {"options": ts.Options(hash_input=True)}, "for each chunk"),
        (IMAGE, {"options": ts.Options(bands=(4,))}, "band 4 was asked for, but the image has 3"),
        (da.from_array(IMAGE), {"options": ts.Options(bands=(4,))}, "band 4 was asked for"),
        (da.from_array(IMAGE), {"options": ts.Options(precision="auto")}, "not there yet"),
        (da.from_array(IMAGE)[..., 0, None, None], {}, r"shape \(60, 70, 1, 1\); expected"),
        (da.from_array(IMAGE)[da.zeros(60) == 0], {}, "sides are unknown"),
        ("absent.tif", {}, "absent.tif"),
    ],
)
def test_refusals_come_when_it_is_called(image: Any, settings: Any, message: str) -> None:
    with pytest.raises(ts.TilesegmError, match=message):
        ts.segment_lazy(image, slanted, **settings)


def test_a_network_that_does_not_fit_is_refused_when_it_is_called() -> None:
    with pytest.raises(ts.TilesegmError, match="slanted"):
        ts.segment_lazy(da.zeros((60, 70, 2)), slanted)
    with pytest.raises(ts.TilesegmError, match="absent"):
        ts.segment_lazy(da.zeros((60, 70, 2)), "absent.keras")


def test_what_is_left_out_is_said() -> None:
    events: list[Any] = []
    ts.segment_lazy(IMAGE, slanted, options=ts.Options(scores="uint8"), on_event=events.append)
    assert "scores is left out" in " ".join(event.text for event in events)
