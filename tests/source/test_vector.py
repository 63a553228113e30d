"""One reader of vector files: polygons, attributes, and one error for each mistake."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from tilesegm.errors import SourceError
from tilesegm.source.vector.address import VectorAddress
from tilesegm.source.vector.layers import VectorLayer, read_layers

SQUARE = shapely.box(0, 0, 1, 1)


def read_layer(path: Path, *, layer: str | None = None, **options: Any) -> VectorLayer:
    """The only layer that is read."""
    layers, _ = read_layers(VectorAddress(path, layer), **options)
    assert len(layers) == 1
    return layers[0]


def write(path: Path, *features: tuple[Any, dict[str, Any]]) -> Path:
    """Write shapes, or None, with their properties as GeoJSON."""
    listed = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": shape and json.loads(shapely.to_geojson(shape)),
        }
        for shape, properties in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}))
    return path


def test_polygons_are_read_flat_and_other_shapes_left_out(tmp_path: Path) -> None:
    several = shapely.MultiPolygon([SQUARE, shapely.box(2, 2, 4, 5)])
    raised = shapely.Polygon([(0, 0, 7), (2, 0, 7), (2, 2, 7)])
    path = write(
        tmp_path / "a.geojson",
        (SQUARE, {"kind": "x"}),
        (shapely.Point(1, 1), {"kind": "point"}),
        (None, {"kind": "nowhere"}),
        (several, {"kind": "y"}),
        (raised, {"kind": None}),
    )
    layer = read_layer(path)
    assert layer.values("kind") == ("x", "y", None)
    assert layer.features.tolist() == [0, 3, 4]
    np.testing.assert_allclose(layer.areas, [1, 7, 2])
    assert not shapely.has_z(layer.polygons).any()
    assert layer.crs == "EPSG:4326"


def test_attributes_are_written_as_in_settings(tmp_path: Path) -> None:
    rows = [{"whole": 1.0, "part": 1.5, "text": "1"}, {"whole": 2.0, "part": None, "text": ""}]
    path = write(tmp_path / "a.geojson", *((SQUARE, row) for row in rows))
    layer = read_layer(path, attributes=["whole", "part", "text"])
    assert layer.values("whole") == (1, 2)
    assert layer.values("part") == ("1.5", None)
    assert layer.values("text") == ("1", None)
    assert list(read_layer(path, attributes=["text"]).attributes) == ["text"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.geojson").write_text("nothing")
    points = write(tmp_path / "points.geojson", (shapely.Point(1, 1), {"kind": "x"}))
    square = write(tmp_path / "square.geojson", (SQUARE, {"kind": "x"}))
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    # A ring of two corners.
    ring = struct.pack("<BIIIdddd", 1, 3, 1, 2, 0, 0, 1, 1)
    pyogrio.raw.write(
        tmp_path / "ring.gpkg",
        geometry=np.array([ring], dtype=object),
        field_data=[],
        fields=np.array([]),
        crs="EPSG:4326",
        geometry_type="Polygon",
        driver="GPKG",
    )
    for path, options, words in (
        (tmp_path / "absent.gpkg", {}, "cannot be read.*No such file"),
        (tmp_path / "bad.geojson", {}, "cannot be read"),
        (
            tmp_path / "ring.gpkg",
            {},
            "holds no polygon: .*left out: 1",
        ),
        (points, {"layer": "absent"}, "cannot be read.*absent"),
        (square, {"attributes": ["kind", "sort"]}, "no attribute 'sort'; it has kind"),
        (points, {}, "holds no polygon: layer points holds points"),
        (table, {}, "holds no polygon: layer table is a table"),
    ):
        with pytest.raises(SourceError, match=words):
            read_layer(path, **options)


def test_packages_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.geojson", (SQUARE, {}))
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(SourceError, match=r"pip install \"tilesegm\[vector\]\""):
        read_layer(path)
