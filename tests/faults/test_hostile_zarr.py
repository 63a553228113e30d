"""Zarr stores whose metadata are garbled, lead elsewhere, or claim what no memory holds."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zarr

import tilesegm as ts
from tests.faults.mutations import mutations
from tests.faults.outcomes import attempt
from tilesegm.errors import SourceError
from tilesegm.sink.provenance import read_map_facts

PIXELS = np.arange(2 * 24 * 20, dtype=np.uint8).reshape(2, 24, 20)


def make_ome(path: Path, zarr_format: int) -> Path:
    group = zarr.create_group(path, zarr_format=zarr_format)
    axes = [{"name": "c", "type": "channel"}] + [
        {"name": name, "type": "space", "unit": "micrometer"} for name in "yx"
    ]
    ome = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": axes,
                "datasets": [
                    {
                        "path": str(n),
                        "coordinateTransformations": [{"type": "scale", "scale": [1, 2**n, 2**n]}],
                    }
                    for n in range(2)
                ],
            }
        ],
        "omero": {"channels": [{"label": "red"}, {"label": "green"}]},
    }
    transform = [10.0, 0.0, 500.0, 0.0, -10.0, 900.0]
    own = {
        "tags": {"TILESEGM_VERSION": "0.1.0"},
        "class_names": ["road", "tree"],
        "georeference": {"crs": "EPSG:32632", "transform": transform},
    }
    group.attrs.update(({"ome": ome} if zarr_format == 3 else ome) | {"tilesegm": own})
    for n in range(2):
        data = PIXELS[:, :: 2**n, :: 2**n]
        array = group.create_array(str(n), data=data, chunks=(1, 8, 8))
        array.attrs.update({"scale_factor": 2.0, "_FillValue": 0, "proj:code": "EPSG:32632"})
    return path


def make_cf(path: Path, zarr_format: int) -> Path:
    group = zarr.create_group(path, zarr_format=zarr_format)
    named = {"dimension_names": ("band", "y", "x")} if zarr_format == 3 else {}
    array = group.create_array("image", data=PIXELS, chunks=(1, 8, 8), **named)
    array.attrs.update(
        {
            "_ARRAY_DIMENSIONS": ["band", "y", "x"],
            "grid_mapping": "spatial_ref",
            "scale_factor": 0.5,
            "add_offset": 1.0,
            "missing_value": 7,
            "spatial:transform": [10.0, 0.0, 500.0, 0.0, -10.0, 900.0],
        }
    )
    crs = group.create_array("spatial_ref", data=np.array(0))
    crs.attrs.update({"spatial_ref": "EPSG:32632", "GeoTransform": "500 10 0 900 0 -10"})
    for name, values in (("y", 895 - 10.0 * np.arange(24)), ("x", 505 + 10.0 * np.arange(20))):
        axis = group.create_array(name, data=values, chunks=(8,))
        axis.attrs.update({"_ARRAY_DIMENSIONS": [name], "units": "m"})
    return path


def read(path: Path, level: int = 0) -> np.ndarray:
    read_map_facts(path)
    with ts.open_source(path, level=level) as source:
        info = source.info
        repr(info)
        window = ts.Window(0, 0, min(info.height, 32), min(info.width, 32))
        return source.read(window).values


def documents(store: Path) -> list[Path]:
    names = {"zarr.json", ".zattrs", ".zarray", ".zgroup"}
    return sorted(path for path in store.rglob("*") if path.name in names)


def fuzz(store: Path, most: int | None, seed: int) -> Counter[str]:
    told: Counter[str] = Counter()
    for path in documents(store):
        text = path.read_text()
        for name, changed in mutations(json.loads(text), seed, most):
            path.write_text(json.dumps(changed))
            what = f"{path.relative_to(store)} {name}"
            for level in (0, 1) if store.name == "ome.zarr" else (0,):
                attempt(what, lambda level=level: read(store, level), told)
        path.write_text(text)
    return told


MAKERS = {"ome.zarr": make_ome, "cf.zarr": make_cf}


@pytest.mark.parametrize("zarr_format", [3, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", MAKERS)
def test_garbled_metadata(tmp_path: Path, name: str, zarr_format: int) -> None:
    store = MAKERS[name](tmp_path / name, zarr_format)
    told = fuzz(store, 60, seed=zarr_format)
    assert told["read"] > 50
    assert told["refused"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", MAKERS)
def test_every_field_of_metadata_garbled(tmp_path: Path, name: str, zarr_format: int) -> None:
    told = fuzz(MAKERS[name](tmp_path / name, zarr_format), None, seed=0)
    print(name, zarr_format, told)
    assert told.total() > 1500


@pytest.mark.parametrize(
    "path", ["../secret.zarr", "/secret.zarr", "0/../../secret.zarr", "..", ""]
)
def test_paths_that_leave_the_store(tmp_path: Path, path: str) -> None:
    zarr.create_array(tmp_path / "secret.zarr", data=PIXELS)
    store = make_ome(tmp_path / "ome.zarr", 3)
    document = store / "zarr.json"
    content = json.loads(document.read_text())
    ome = content["attributes"]["ome"]
    ome["multiscales"][0]["datasets"][0]["path"] = path
    document.write_text(json.dumps(content))
    with pytest.raises(SourceError, match="expected one below"):
        read(store)
    ome.pop("multiscales")
    for listed in ({"plate": {"wells": [{"path": path}]}}, {"well": {"images": [{"path": path}]}}):
        content["attributes"]["ome"] = ome | listed
        document.write_text(json.dumps(content))
        with pytest.raises(SourceError, match="expected one below"):
            read(store)


def test_links_out_of_a_store_and_pipes_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_ome(tmp_path / "ome.zarr", 3)
    right = read(store)
    chunk = store / "0" / "c" / "0" / "0" / "0"
    kept = chunk.rename(tmp_path / "chunk")
    chunk.symlink_to(kept)
    with pytest.raises(SourceError, match=r"a link out of it.*--trust"):
        read(store)
    monkeypatch.setenv("TILESEGM_TRUST", "1")
    np.testing.assert_array_equal(read(store), right)
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(SourceError, match="is a pipe, and a file is expected"):
        read(store)
    chunk.unlink()
    shutil.copy(kept, chunk)
    # The store itself may be a link.
    (tmp_path / "link.zarr").symlink_to(store)
    np.testing.assert_array_equal(read(tmp_path / "link.zarr"), right)


def test_a_pipe_among_the_coordinates(tmp_path: Path) -> None:
    store = make_cf(tmp_path / "cf.zarr", 3)
    chunk = store / "y" / "c" / "0"
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(SourceError, match="is a pipe"):
        read(store)
    with ts.open_source(store / "image") as source:  # opened by its own path
        assert source.info.height == 24


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_and_sides_beyond_memory(tmp_path: Path, zarr_format: int) -> None:
    path = tmp_path / "a.zarr"
    for shape, chunks, message in (
        ((10**9, 10**3), (10**9, 10**3), "a chunk of .* unpacks to"),
        ((10**10, 10**10), (1024, 1024), "more than"),
        ((4, 10**9), (4, 1024), "more than"),
        ((10**6, 16, 16), (1, 16, 16), None),
    ):
        shutil.rmtree(path, ignore_errors=True)
        zarr.create_array(path, shape=shape, chunks=chunks, dtype="u1", zarr_format=zarr_format)
        if message:
            with pytest.raises(SourceError, match=message):
                read(path)
        else:
            attempt("long", lambda: read(path))


def test_the_index_of_a_shard(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(2**15, 2**15), shards=(2**15, 2**15), chunks=(8, 8), dtype="u1")
    with pytest.raises(SourceError, match="index of a shard unpacks to"):
        read(path)


def test_a_zip_that_unpacks_to_far_more(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", "{}" + " " * 2**28)
    assert path.stat().st_size < 2**20
    with pytest.raises(SourceError, match="unpacks to 268 MB"):
        read(path)
