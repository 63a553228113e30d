"""What predict writes, GeoTIFF or OME-Zarr, every command reads back the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml

from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write
from tilesegm.sink.provenance import read_map_facts
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source

TILE = ("--tile", 128, "--overlap", 32)
SHAPE = (330, 270)
BOTH = ("tif", "zarr")


@pytest.fixture
def maps(cli: Cli, models: Path, tmp_path: Path) -> Path:
    """Folder of an image with missing pixels, and its ``map.tif`` and ``map.zarr``."""
    image = blobs(*SHAPE)
    image[image == 0] = 1
    image[40:90, 200:] = 0
    write(tmp_path / "image.tif", image, nodata=0, **GEO)
    for kind in BOTH:
        words = (tmp_path / "image.tif", "-m", models / "bundle", *TILE)
        assert cli("predict", *words, "-o", tmp_path / f"map.{kind}").code == 0
    return tmp_path


def of_both(cli: Cli, folder: Path, *words: Any) -> list[Any]:
    """Run a command that prints JSON, with ``{}`` for the suffix of the map."""
    said = []
    for kind in BOTH:
        done = cli(*(str(word).format(kind) for word in words))
        assert done.code == 0, done.err
        said.append(json.loads(done.out.replace(f".{kind}", ".map")))
    return said


def pixels(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with open_source(path) as source:
        read = source.read(source.info.window)
    return read.values, read.valid


def test_info_tells_the_same_of_both(cli: Cli, maps: Path) -> None:
    first, second = of_both(cli, maps, "info", maps / "map.{}", "--json")
    differ = {key for key in first if first[key] != second[key]}
    # The two formats have names, blocks and names of bands of their own.
    assert differ <= {"kind", "block", "band_names"}
    assert first["crs"] == GEO["crs"]
    assert first["transform"] == list(GEO["transform"])[:6]
    assert (first["nodata"], first["missing_pixels_possible"]) == ("255.0", True)
    facts = [read_map_facts(maps / f"map.{kind}") for kind in BOTH]
    assert facts[0] == facts[1]
    values, valid = pixels(maps / "map.tif")
    same, alike = pixels(maps / "map.zarr")
    assert valid is not None
    assert alike is not None
    assert not valid[40:90, 200:].any()
    np.testing.assert_array_equal(valid, alike)
    np.testing.assert_array_equal(values[valid], same[valid])


def test_evaluate_finds_them_equal(cli: Cli, maps: Path) -> None:
    for prediction, truth in ((0, 0), (0, 1), (1, 0), (1, 1)):
        words = (maps / f"map.{BOTH[prediction]}", maps / f"map.{BOTH[truth]}", "--json")
        done = cli("evaluate", *words)
        assert done.code == 0, done.err
        scores = json.loads(done.out)
        assert (scores["accuracy"], scores["mean_iou"]) == (1.0, 1.0)
        assert scores["pixels"] == SHAPE[0] * SHAPE[1] - 50 * 70


def test_predict_plan_and_audit_take_them_as_images(cli: Cli, maps: Path, models: Path) -> None:
    words = (maps / "map.{}", "-m", models / "b3.keras", "--bands", "1,1,1", *TILE)
    plans = of_both(cli, maps, "plan", *words, "--json")
    for key in ("height", "width", "tiles", "regions", "exact", "batch", "expected_class_flips"):
        assert plans[0][key] == plans[1][key], key
    audits = of_both(cli, maps, "audit", *words, "--json")
    assert audits[0] == audits[1]
    of_both(cli, maps, "predict", *words, "-o", maps / "again_{}.tif", "--json")
    first, second = (maps / f"again_{kind}.tif" for kind in BOTH)
    with rasterio.open(first) as one, rasterio.open(second) as other:
        assert (one.crs, one.transform, one.nodata) == (other.crs, other.transform, other.nodata)
        assert (one.crs, one.transform) == (GEO["crs"], GEO["transform"])
        np.testing.assert_array_equal(one.read(), other.read())
        assert (one.read(1)[40:90, 200:] == one.nodata).all()


@pytest.mark.parametrize("kind", BOTH)
def test_both_are_areas_of_interest(cli: Cli, maps: Path, models: Path, kind: str) -> None:
    output = maps / f"inside_{kind}.tif"
    words = (maps / "image.tif", "-m", models / "bundle", *TILE, "-o", output)
    done = cli("predict", *words, "--aoi", maps / f"map.{kind}")
    assert done.code == 0, done.err
    ids, valid = pixels(maps / "map.tif")
    assert valid is not None
    inside = valid & (ids[..., 0] != 0)
    with rasterio.open(output) as file:
        np.testing.assert_array_equal(file.read(1) != file.nodata, inside)
    scored = cli(
        "evaluate", maps / "map.tif", maps / "map.zarr", "--aoi", maps / f"map.{kind}", "--json"
    )
    assert json.loads(scored.out)["pixels"] == inside.sum()


def test_train_init_takes_both_as_labels(cli: Cli, maps: Path) -> None:
    written = []
    for kind in BOTH:
        words = (maps / "image.tif", "--labels", maps / f"map.{kind}", "-o", maps / f"{kind}.yaml")
        done = cli("train", "init", *words)
        assert done.code == 0, done.err
        text = (maps / f"{kind}.yaml").read_text(encoding="utf-8")
        written.append(yaml.safe_load(text.replace(f"map.{kind}", "map")))
    assert written[0] == written[1]


def test_both_have_the_same_colours(maps: Path) -> None:
    tables = []
    for kind in BOTH:
        with open_source(maps / f"map.{kind}") as source:
            assert isinstance(source, ImageSource)
            tables.append(source.palette)
    np.testing.assert_array_equal(tables[0], tables[1])
    assert len(np.unique(tables[0][:4], axis=0)) == 4
