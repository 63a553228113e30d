"""Vector files that lead elsewhere, never end, or unpack to more than memory."""

from __future__ import annotations

import json
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilesegm as ts
from tests.faults.mutations import mutations
from tests.faults.outcomes import attempt
from tilesegm.errors import SourceError
from tilesegm.source.area import open_area

SQUARE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"class": "road"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[1, 1], [9, 1], [9, 9], [1, 9], [1, 1]]],
            },
        }
    ],
}


def read(path: Path) -> Any:
    with ts.open_source(np.zeros((16, 16), np.uint8)) as source:
        return open_area(f"{path}|crs=pixels", source.info).mask(ts.Window(0, 0, 16, 16))


def test_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(SQUARE))
    assert read(path).sum() == 64


LEADING = {
    "a mosaic": "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{other}</SrcDataSource>"
    "</OGRVRTLayer></OGRVRTDataSource>",
    "a service": "<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>",
    "an algorithm": '{"type": "gdal_streamed_alg", "command_line": "gdal vector read {other}"}',
}


@pytest.mark.parametrize("suffix", [".geojson", ".gml", ".gpkg", ".zip"])
@pytest.mark.parametrize("name", LEADING)
def test_files_that_lead_elsewhere(tmp_path: Path, name: str, suffix: str) -> None:
    other = tmp_path / "other.geojson"
    other.write_text(json.dumps(SQUARE))
    text = LEADING[name].replace("{other}", str(other))
    path = tmp_path / f"a{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.gml", text)
    else:
        path.write_text(text)
    with pytest.raises(SourceError, match="leads to other files or addresses; if you trust"):
        read(path)


def test_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.geojson")
    with pytest.raises(SourceError, match="is a pipe"):
        read(tmp_path / "a.geojson")
    (tmp_path / "b.shp").write_bytes(b"")
    os.mkfifo(tmp_path / "b.dbf")
    with pytest.raises(SourceError, match="is a pipe"):
        read(tmp_path / "b.shp")


def test_an_archive_that_unpacks_to_far_more(tmp_path: Path) -> None:
    path = tmp_path / "a.shp.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", bytes(2**28))
    with pytest.raises(SourceError, match="unpacks to 268 MB"):
        read(path)


def test_garbled_geojson(tmp_path: Path) -> None:
    path, told = tmp_path / "a.geojson", Counter[str]()
    for name, changed in mutations(SQUARE, 3, 200):
        path.write_text(json.dumps(changed))
        attempt(name, lambda: read(path), told)
    assert told["read"] > 10
    assert told["refused"] > 10
