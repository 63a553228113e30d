"""Whatever a vector file holds: polygons on the image, or one error of ours."""

from __future__ import annotations

import json
import struct
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.label_parts import classes
from tests.source.test_vector_files import FIJI, GLOBE, POLAR, image
from tilesegm.data.labels import open_labels
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.training.init.survey import survey_labels

IMAGES = (
    image(),
    image("EPSG:3413", POLAR),
    image("EPSG:3857", Affine(5e5, 0, -2e7, 0, -6e5, 2e7)),
    image(None),
    FIJI,
    GLOBE,
)
SYSTEMS = ("EPSG:4326", "EPSG:32633", "EPSG:3857", "EPSG:3031", None)

number = (
    st.floats(-200, 400)
    | st.floats()
    | st.sampled_from([0.0, 15.0, 45.1, 90.0, -90.0, 180.0, -180.0, 5e5, 5e6, 1e300, 1e-300])
)
position = st.lists(number, min_size=1, max_size=4)
ring = st.lists(position, max_size=6)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def shape(name: str, coordinates: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(name), "coordinates": coordinates})


polygon = shape("Polygon", st.lists(ring, max_size=3))
one = (
    polygon
    | shape("MultiPolygon", st.lists(st.lists(ring, max_size=2), max_size=2))
    | shape("Point", position)
    | shape("LineString", ring)
)
geometry = (
    st.none()
    | one
    | st.fixed_dictionaries(
        {"type": st.just("GeometryCollection"), "geometries": st.lists(one, max_size=3)}
    )
    | anything
)
feature = st.fixed_dictionaries(
    {
        "type": st.just("Feature"),
        "properties": st.none() | st.fixed_dictionaries({"c": anything}),
        "geometry": geometry,
    }
)


def look(path: Path, info: Any, stated: str) -> None:
    """Read as labels and as settings to begin with; nothing but errors of ours may come."""
    given = classes("none", "x", attribute="c", background="class 0", unknown="ignore")
    for read in (
        lambda: open_labels(f"{path}{stated}", given, info).read(
            Window(0, 0, info.height, info.width)
        ),
        lambda: survey_labels([f"{path}{stated}"], "c"),
    ):
        told = f"{path.name}"
        try:
            read()
        except (SourceError, SettingsError) as error:
            told = str(error)
        assert path.name in told
        assert "\n" not in told


@settings(max_examples=80, deadline=None)
@given(
    features=st.lists(feature, max_size=4),
    info=st.sampled_from(IMAGES),
    stated=st.sampled_from(
        ["", "|crs=EPSG:32633", "|crs=EPSG:3857", "|layername=a", "|crs=pixels"]
    ),
)
def test_any_geojson(features: list[Any], info: Any, stated: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        look(path, info, stated)


def wkb(rings: list[list[tuple[float, float]]]) -> bytes:
    encoded = struct.pack("<BII", 1, 3, len(rings))
    for corners in rings:
        encoded += struct.pack("<I", len(corners))
        encoded += b"".join(struct.pack("<dd", *corner) for corner in corners)
    return encoded


corner = st.tuples(number, number)
encoded = st.none() | st.lists(st.lists(corner, max_size=7), max_size=3).map(wkb)


@settings(max_examples=80, deadline=None)
@given(
    shapes=st.lists(encoded, min_size=1, max_size=4),
    values=st.lists(st.none() | st.text(max_size=3) | st.just("x"), min_size=4, max_size=4),
    crs=st.sampled_from(SYSTEMS),
    info=st.sampled_from(IMAGES),
)
def test_any_table(shapes: list[Any], values: list[Any], crs: str | None, info: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "a.gpkg"
        warnings.simplefilter("ignore")
        column = np.array(values[: len(shapes)], dtype=object)
        try:
            pyogrio.raw.write(
                path,
                np.array([*shapes, None], dtype=object)[:-1],
                [column],
                ["c"],
                crs=crs,
                geometry_type="Unknown",
            )
        except (pyogrio.errors.GeometryError, pyogrio.errors.FeatureError, ValueError):
            return  # cannot even be written
        look(path, info, "")


@pytest.mark.parametrize("cut", [10, 200, 5000, 60_000])
@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.fgb", "a.zip"])
def test_files_cut_short(tmp_path: Path, name: str, cut: int) -> None:
    from tests.source.test_vector_files import BLOCK, layer, zipped

    file = tmp_path / ("b.fgb" if name == "a.zip" else name)
    path = layer(file, *[BLOCK] * 400, c=["x"] * 400)
    if name == "a.zip":
        path = zipped(tmp_path / name, file)
    path.write_bytes(path.read_bytes()[:cut])
    look(path, image(), "")
