"""Facts of finished maps: written, read back, and silent in files of other people."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
import rasterio
import zarr

from tests.sink.conftest import CLASSES, patches
from tilesegm.errors import InputError, OutputError
from tilesegm.grid.tiles import TileLayout
from tilesegm.sink.geotiff import finish_geotiff
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.provenance import MapFacts, check_finished, digest, read_map_facts
from tilesegm.source.base import Georeference
from tilesegm.source.open import open_source

LAYOUT = TileLayout(tile=(512, 256), overlap=64, margin=24, blend="hann", stride=16)


def finish(staging: Any, out: Path, facts: MapFacts) -> None:
    if out.suffix == ".tif":
        finish_geotiff(staging, {"classes": out}, facts)
    else:
        finish_zarr(staging, out, facts)


def write_raster(path: Path, **tags: str) -> Path:
    profile = {"driver": "GTiff", "height": 4, "width": 5, "count": 1, "dtype": "uint8"}
    transform = rasterio.Affine(2, 0, 500000, 0, -2, 4000000)
    with rasterio.open(path, "w", transform=transform, **profile) as raster:
        raster.write(np.zeros((1, 4, 5), np.uint8))
        raster.update_tags(**tags)
    return path


def test_digest_tells_fingerprints_apart():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1, "b": 2}) != digest({"a": 1, "b": 3})


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_facts_read_back_as_they_were_written(tmp_path, staged, facts, name):
    whole = MapFacts(
        georeference=Georeference(transform=(2.0, 0.0, 500000.0, 0.0, -2.0, 4000000.0)),
        classes=facts.classes,
        version="1.2",
        model="unet <7>",
        image="city.tif",
        layout=LAYOUT,
        exact=False,
        fingerprint=digest({}),
    )
    finish(staged({CLASSES: patches(40, 50)}), tmp_path / name, whole)
    with open_source(tmp_path / name) as source:  # which tells its place
        assert source.info.georeference == whole.georeference
    found = read_map_facts(tmp_path / name)
    assert found == replace(whole, georeference=Georeference())
    assert [found.palette[n] for n in range(4)] == [info.colour for info in facts.classes]


def test_zarr_facts_are_read_from_an_open_group_and_with_points(tmp_path, staged, facts):
    points = Georeference(gcps=((0.0, 0.0, 1.0, 2.0, 0.0),), rpcs=(("ERR_BIAS", "1"),))
    out = tmp_path / "out.zarr"
    finish(
        staged({CLASSES: patches(40, 50)}),
        out,
        MapFacts(classes=facts.classes, georeference=points),
    )
    group = zarr.open_group(out, mode="r")
    found = read_map_facts(group)
    assert found.classes == facts.classes
    with open_source(group) as source:
        assert source.info.georeference == points
    assert 255 not in found.palette  # nodata is transparent


def test_texts_of_tags_stay_what_they_were():
    facts = MapFacts(version="1", model="m", image="i", layout=LAYOUT, exact=True, fingerprint="f")
    assert json.dumps(facts.tags) == json.dumps(
        {
            "TILESEGM_VERSION": "1",
            "TILESEGM_MODEL": "m",
            "TILESEGM_IMAGE": "i",
            "TILESEGM_TILING": "tile 512 x 256, overlap 64, margin 24, blend hann, stride 16",
            "TILESEGM_EXACT": "yes",
            "TILESEGM_FINGERPRINT": "f",
        }
    )


def test_a_tiling_of_an_early_version_names_no_stride(tmp_path):
    text = "tile 40 x 60, overlap 20, margin 10, blend crop"
    found = read_map_facts(write_raster(tmp_path / "a.tif", TILESEGM_TILING=text)).layout
    assert found == TileLayout(tile=(40, 60), overlap=20, margin=10, blend="crop", stride=1)


@pytest.mark.parametrize("text", ["-", "tile 5", "tile 9 x 9, overlap 1, margin 0, blend round"])
def test_a_tiling_that_is_not_understood_is_refused(tmp_path, text):
    path = write_raster(tmp_path / "a.tif", TILESEGM_TILING=text)
    with pytest.raises(InputError, match="TILESEGM_TILING"):
        read_map_facts(path)
    with pytest.raises(OutputError, match="is not the result"):
        check_finished(path, digest({}))


def test_names_without_a_palette_get_colours(tmp_path):
    names = json.dumps({"0": "land", "1": "sea"})
    found = read_map_facts(write_raster(tmp_path / "a.tif", CLASS_NAMES=names))
    assert [info.name for info in found.classes] == ["land", "sea"]
    land, sea = (info.colour for info in found.classes)
    assert land[0] > land[1] > land[2], "brown"
    assert sea[2] > sea[1] > sea[0], "blue"
    assert not found.palette


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"tilesegm": "a note", "ome": ["?"]},
        {"tilesegm": {"tags": 7, "georeference": {"elsewhere": 1}}},
        {"ome": {"image-label": {"colors": [{"label-value": 1}]}}},
    ],
)
def test_zarr_of_other_people_tells_nothing(tmp_path, attributes):
    group = zarr.create_group(tmp_path / "a.zarr", attributes=attributes)
    array = group.create_array("ids", shape=(4, 5), dtype="uint8")
    for image in (tmp_path / "a.zarr", str(tmp_path / "a.zarr" / "ids"), group, array):
        assert read_map_facts(image) == MapFacts()


@pytest.mark.parametrize(
    "image",
    [
        "absent.tif",
        "absent.zarr",
        "http://127.0.0.1:9/absent.zarr",
        "http://127.0.0.1:9/absent.tif",
        ["a.tif", "b.tif"],
        np.zeros((4, 5), np.uint8),
    ],
    ids=["tif", "zarr", "zarr url", "tif url", "list", "array"],
)
def test_what_tells_nothing_has_no_facts(image):
    assert read_map_facts(image) == MapFacts()


def test_threads_that_read_facts_leave_filters_of_warnings_alone(tmp_path):
    path = write_raster(tmp_path / "a.tif")
    before = list(warnings.filters)
    barrier = Barrier(4)

    def read() -> None:
        barrier.wait()
        for _ in range(25):
            read_map_facts(path)

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_the_same_work_is_recognised_and_other_work_refused(tmp_path, staged, name):
    out = tmp_path / name
    finish(staged({CLASSES: patches(40, 50)}), out, MapFacts(fingerprint=digest({"tile": 512})))
    check_finished(out, digest({"tile": 512}))
    with pytest.raises(OutputError, match="--overwrite"):
        check_finished(out, digest({"tile": 1024}))


def test_a_file_or_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "text.tif").write_text("not a raster")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("text.tif", "empty.zarr"):
        with pytest.raises(OutputError, match="is not the result"):
            check_finished(tmp_path / name, digest({}))
