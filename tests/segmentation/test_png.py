"""Class maps of photos as PNG: the same ids, told by every reader, and refused where none reads."""

from __future__ import annotations

import json
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
    pixels = blobs(300, 200)
    pixels[100:120, 30:40] = 0
    return write(tmp_path / "image.tif", pixels, nodata=0, **GEO)


def test_a_png_holds_ids_colours_and_names(image: Path, tmp_path: Path) -> None:
    options = ts.Options(confidence="top")
    tif = ts.segment(image, soft, tmp_path / "a.tif", tiling=TILING, options=options)
    png = ts.segment(image, soft, tmp_path / "b.png", tiling=TILING, options=options)
    with Image.open(png.output) as picture:
        assert picture.mode == "P"
        assert (np.asarray(picture) == read(tif.output)).all()
        rgba = np.asarray(picture.convert("RGBA"))
    names = read_map_facts(png.output)
    assert names.classes == read_map_facts(tif.output).classes
    assert names.model == read_map_facts(tif.output).model
    assert (rgba[110, 35, 3], rgba[0, 0, 3]) == (0, 255)
    assert tuple(rgba[0, 0, :3]) == names.classes[read(tif.output)[0, 0]].colour
    with Image.open(dict(png.extras)["confidence"]) as picture:
        assert (np.asarray(picture) == read(dict(tif.extras)["confidence"])).all()
    with rasterio.open(png.output) as file:
        assert file.nodata == 255
        assert tuple(file.transform)[:6] == pytest.approx(tuple(GEO["transform"])[:6])
        assert json.loads(file.tags()["CLASS_NAMES"])["0"] == "class 0"


def test_a_finished_png_is_found_and_a_damaged_one_told(image: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.png"
    ts.segment(image, soft, output, tiling=TILING)
    assert not (tmp_path / "a.png.partial").exists()
    again = ts.segment(image, soft, output, tiling=TILING)
    assert again.resumed == 300 * 200
    assert not ts.verify(output).damage
    data = bytearray(output.read_bytes())
    data[len(data) // 2] ^= 255
    output.write_bytes(data)
    assert ts.verify(output).damage


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ts.Options(scores="uint8"), "cannot hold --scores"),
        (ts.Options(), "up to 0 million pixels"),
    ],
)
def test_what_a_png_cannot_hold_is_refused(
    monkeypatch: pytest.MonkeyPatch, image: Path, options: ts.Options, words: str
) -> None:
    if "million" in words:
        monkeypatch.setattr("tilesegm.sink.png_map.MOST_PIXELS", 50_000)
    with pytest.raises(ts.TilesegmError, match=words):
        ts.segment(image, soft, image.with_name("a.png"), tiling=TILING, options=options)
    assert [path.name for path in image.parent.iterdir()] == ["image.tif"]


def test_a_world_file_of_others_stays(image: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pgw").write_text("mine")
    with pytest.raises(ts.TilesegmError, match="move it away"):
        ts.segment(image, soft, tmp_path / "a.png", tiling=TILING)
    assert (tmp_path / "a.pgw").read_text() == "mine"
