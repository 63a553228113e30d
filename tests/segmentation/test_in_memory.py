"""Arrays in place of files: the same pixels, refused where they do not fit, nothing on disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

import tilesegm as ts
from tests.images import GEO, blobs, read, write
from tilesegm.sink.provenance import read_map_facts

TILING = ts.Tiling(tile=128, overlap=32)


def soft(tiles: NDArray[Any]) -> NDArray[Any]:
    """Probabilities of three classes."""
    scores = tiles.astype(np.float32) + 1
    return scores / scores.sum(-1, keepdims=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = blobs(1300, 1100)
    pixels[100:200, 300:400] = 0
    return write(tmp_path / "image.tif", pixels, nodata=0, **GEO)


@pytest.mark.parametrize("scores", [None, "uint8", "float16", "float32"])
def test_arrays_hold_the_pixels_of_files(image: Path, tmp_path: Path, scores: Any) -> None:
    options = ts.Options(confidence="margin", scores=scores)
    arrays = ts.segment(image, soft, tiling=TILING, options=options)
    before = {path.name for path in tmp_path.iterdir()}
    files = ts.segment(image, soft, tmp_path / "map.tif", tiling=TILING, options=options)
    assert before == {"image.tif"}, "nothing is written without an output"
    assert (arrays.classes == read(files.output)).all()
    assert arrays.classes[150, 350] == arrays.nodata == 255
    extras = dict(files.extras)
    with rasterio.open(extras["confidence"]) as file:
        expected = np.ma.filled(file.read(1, masked=True) * np.float32(file.scales[0]), np.nan)
    np.testing.assert_array_equal(arrays.confidence, expected.astype(np.float32))
    if scores is None:
        assert arrays.scores is None
        return
    with rasterio.open(extras["scores"]) as file:
        stored = file.read(masked=True)
        values = np.ma.filled(stored.astype(np.float32), np.nan) * np.float32(file.scales[0])
    np.testing.assert_array_equal(arrays.scores, values)
    assert arrays.scores.dtype == ("float32" if scores == "uint8" else scores)


def test_arrays_of_arrays(image: Path) -> None:
    pixels = read(image, bands=None).transpose(1, 2, 0)
    options = ts.Options(nodata=0)
    of_array = ts.segment(pixels, soft, tiling=TILING, options=options)
    of_file = ts.segment(image, soft, tiling=TILING)
    assert (of_array.classes == of_file.classes).all()
    assert of_array.pixels == of_file.pixels
    assert sum(of_file.pixels.values()) == of_file.classes.size - 100 * 100
    assert of_file.empty == 100 * 100
    assert of_array.area_unit == "px"
    assert of_file.area_unit == "m2"
    assert of_file.area == {name: 100.0 * count for name, count in of_file.pixels.items()}


def test_a_bare_array_tells_how_much_of_each_class(image: Path) -> None:
    result = ts.segment(image, soft, tiling=TILING)
    text = repr(result)
    assert text.startswith("SegmentedImage(1300 x 1100 px: class ")
    assert len(text) < 120
    with Image.open(io.BytesIO(result._repr_png_())) as picture:
        assert max(picture.size) < 600
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or ()}
    assert set(result.colours) <= colours


def test_many_arrays(image: Path) -> None:
    items = ts.segment_many({"a": image, "b": "absent.tif", "c": blobs(90, 70)}, soft)
    assert [item.image for item in items] == ["a", "b", "c"]
    assert isinstance(items[0].result, ts.SegmentedImage)
    assert items[1].error is not None
    assert items[2].result.classes.shape == (90, 70)
    assert items[2].summary()["pixels"] == items[2].result.pixels
    assert "SegmentedImage(90 x 70 px" in repr(items[2])


def test_arrays_that_do_not_fit_are_refused_with_the_numbers(
    monkeypatch: pytest.MonkeyPatch, image: Path
) -> None:
    monkeypatch.setattr("tilesegm.segmentation.in_memory.free_memory", lambda: 20_000_000)
    with pytest.raises(ts.TilesegmError, match=r"1 MB.* pass an output such as 'map.tif'"):
        ts.segment(image, soft, options=ts.Options(scores="float32"), tiling=ts.Tiling(tile=1024))
    # The advice works.
    ts.segment(image, soft, image.with_name("map.tif"), tiling=TILING)


def test_classes_of_a_bare_network_are_named(image: Path, tmp_path: Path) -> None:
    options = ts.Options(classes=("water", "road", "tree"))
    result = ts.segment(image, soft, tiling=TILING, options=options)
    assert result.class_names == ("water", "road", "tree")
    assert result.colours[0][2] == max(result.colours[0]), "water is blue"
    ts.segment(image, soft, tmp_path / "map.tif", tiling=TILING, options=options)
    assert [one.name for one in read_map_facts(tmp_path / "map.tif").classes] == [
        "water",
        "road",
        "tree",
    ]
    with pytest.raises(ts.TilesegmError, match="is not the result"):
        ts.segment(image, soft, tmp_path / "map.tif", tiling=TILING)
    assert not ts.verify(tmp_path / "map.tif").damage


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "b"), "2 names of classes"),
        (("a", "b", "b"), "another one"),
        (("a", "", "c"), "another"),
    ],
)
def test_names_that_do_not_fit_are_refused(image: Path, names: Any, words: str) -> None:
    with pytest.raises(ts.TilesegmError, match=words):
        ts.segment(image, soft, options=ts.Options(classes=names))


def test_settings_of_files_are_refused_without_one(image: Path) -> None:
    with pytest.raises(ts.TilesegmError, match="overwrite is for files"):
        ts.segment(image, soft, overwrite=True)
    with pytest.raises(ts.TilesegmError, match="compress is for files"):
        ts.segment_many([image], soft, options=ts.Options(compress="zstd"))
