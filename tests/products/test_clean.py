"""Cleaned maps: their pixels, and what they tell about themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.ndimage

import tilesegm as ts
from tests.images import GEO, file_state, write
from tests.products.maps import cut_small
from tilesegm.errors import InputError, OutputError, SettingsError
from tilesegm.products.class_map import MapOptions
from tilesegm.products.clean import CleanOptions, clean
from tilesegm.products.extent import Extent
from tilesegm.products.selection import Selection
from tilesegm.sink.provenance import read_map_facts
from tilesegm.source.gdal import open_quietly
from tilesegm.source.open import open_source


def options(**more: object) -> CleanOptions:
    return CleanOptions(reading=MapOptions(classes=("none", "field", "hut")), **more)  # type: ignore[arg-type]


def test_steps_are_done_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    field = scipy.ndimage.gaussian_filter(rng.normal(size=(120, 90)), 2)
    ids = (1 + (field > 0)).astype(np.uint8)
    ids[rng.random(ids.shape) < 0.1] = 0
    path = write(tmp_path / "map.tif", ids, nodata=0, **GEO)
    cut_small(monkeypatch, 90, 7)
    both = options(
        majority=Extent.length("30m", "--majority"),
        fill=("hut",),
        selection=Selection(least=Extent.area("12", "--min-area")),
    )
    done = clean(path, tmp_path / "clean.tif", both)
    steps = tmp_path / "1.tif", tmp_path / "2.tif", tmp_path / "3.tif"
    clean(path, steps[0], options(majority=Extent.length("3", "--majority")))
    clean(steps[0], steps[1], options(fill=("2",)))
    clean(steps[1], steps[2], options(selection=Selection(least=Extent.area("12", "--min-area"))))
    with rasterio.open(tmp_path / "clean.tif") as file, rasterio.open(steps[2]) as last:
        cleaned = file.read(1)
        np.testing.assert_array_equal(cleaned, last.read(1))
        assert file.crs == GEO["crs"]
        assert file.transform == GEO["transform"]
        assert file.nodata == 0
    assert ((cleaned == 0) == (ids == 0)).all()
    assert done.changed == (cleaned != ids).sum() > 0
    assert sorted(os.listdir(tmp_path)) == ["1.tif", "2.tif", "3.tif", "clean.tif", "map.tif"]


def test_a_cleaned_map_keeps_its_classes_and_tells_what_was_done(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32)
    path = tmp_path / "map.tif"
    ts.segment(image, lambda pixels: pixels, path)
    before = read_map_facts(path)
    clean(path, tmp_path / "clean.tif", CleanOptions(majority=Extent.length("5", "--majority")))
    facts = read_map_facts(tmp_path / "clean.tif")
    assert facts.classes == before.classes
    assert facts.image == before.image
    assert facts.fingerprint is None
    with open_quietly(str(tmp_path / "clean.tif")) as file:
        assert json.loads(file.tags()["TILESEGM_CLEANED"]) == {"majority": "5"}
    state = file_state(tmp_path / "clean.tif")
    clean(path, tmp_path / "clean.tif", CleanOptions(majority=Extent.length("3", "--majority")))
    assert file_state(tmp_path / "clean.tif") != state


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_a_cleaned_map_is_sealed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clean.{suffix}"
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, (1100, 90)).astype(np.uint8)
    source = write(tmp_path / "map.tif", ids, nodata=0, **GEO)
    three = options(majority=Extent.length("3", "--majority"))
    clean(source, tmp_path / "plain.tif", three)
    clean(source, path, three)
    with open_source(tmp_path / "plain.tif") as one, open_source(path) as other:
        np.testing.assert_array_equal(
            other.read(one.info.window).values, one.read(one.info.window).values
        )
        assert other.info.georeference == one.info.georeference
        assert other.info.nodata == one.info.nodata == 0
    facts = read_map_facts(path)
    assert json.loads(facts.cleaned or "") == {"majority": "3"}
    assert [one.name for one in facts.classes] == ["none", "field", "hut"]
    assert facts == read_map_facts(tmp_path / "plain.tif")
    assert ts.verify(path).whole
    assert ts.evaluate(path, tmp_path / "plain.tif").class_scores.accuracy == 1
    data = next(file for file in (path, *path.rglob("0/classes/c/0/0")) if file.is_file())
    changed = bytearray(data.read_bytes())
    changed[-9] ^= 1
    data.write_bytes(changed)
    assert not ts.verify(path).whole


def test_a_map_that_an_earlier_version_cleaned_is_known_to_have_no_digests(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", np.ones((5, 6), np.uint8), **GEO)
    with rasterio.open(path, "r+") as file:
        file.update_tags(TILESEGM_VERSION="0.1", TILESEGM_CLEANED='{"majority": "3"}')
    with pytest.raises(InputError, match="cleaned by an earlier version"):
        ts.verify(path)


def test_dropped_objects_become_nodata(tmp_path: Path) -> None:
    ids = np.ones((5, 6), np.uint8)
    ids[2, 2] = 2
    least = Selection(least=Extent.area("2", "--min-area"), small="drop")
    clean(write(tmp_path / "map.tif", ids, **GEO), tmp_path / "c.tif", options(selection=least))
    with rasterio.open(tmp_path / "c.tif") as file:
        assert file.nodata == 255
        assert file.read(1)[2, 2] == 255


def test_bad_choices_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", np.ones((5, 6), np.uint8))
    with pytest.raises(SettingsError, match="nothing is to be cleaned"):
        options()
    with pytest.raises(SettingsError, match="--fill-holes"):
        options(majority=Extent.length("3", ""), max_hole=Extent.area("3", ""))
    with pytest.raises(SettingsError, match=r"--small is 'bin'"):
        Selection(small="bin")  # type: ignore[arg-type]
    three = options(majority=Extent.length("3", "--majority"))
    with pytest.raises(SettingsError, match=r"ends in \.tif"):
        clean(path, tmp_path / "c.png", three)
    with pytest.raises(OutputError, match="is a file of the class map"):
        clean(path, path, three)
    other = write(tmp_path / "other.tif", np.ones((5, 6), np.uint8))
    with pytest.raises(OutputError, match="not the result of tilesegm"):
        clean(path, other, three)
    metres = options(majority=Extent.length("3m", "--majority"))
    with pytest.raises(SettingsError, match="does not tell their size"):
        clean(path, tmp_path / "c.tif", metres)
    assert sorted(os.listdir(tmp_path)) == ["map.tif", "other.tif"]
