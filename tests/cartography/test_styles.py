"""Styles have the structure that QGIS writes and that MapLibre reads, with names and colours."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from affine import Affine
from PIL import Image

from tests.cartography.conftest import MakeMap
from tests.cli.conftest import Cli
from tests.images import GEO, write
from tilesegm.cartography.styles import qgis_style
from tilesegm.classes import ClassInfo

ODD = (ClassInfo('<a> & "b"', (1, 2, 250)), ClassInfo("水\x1b体", (0, 0, 0)))


def test_qgis_finds_what_it_writes_itself() -> None:
    """By names of elements and attributes in files of QGIS 3.4 to 3.40."""
    root = ElementTree.fromstring(qgis_style({0: ODD[0], 7: ODD[1]}))
    assert root.tag == "qgis"
    renderer = root.find("pipe/rasterrenderer")
    assert renderer is not None
    assert renderer.attrib == {
        "type": "paletted",
        "band": "1",
        "opacity": "1",
        "alphaBand": "-1",
        "nodataColor": "",
    }
    entries = [entry.attrib for entry in renderer.findall("colorPalette/paletteEntry")]
    assert entries == [
        {"value": "0", "color": "#0102fa", "label": '<a> & "b"', "alpha": "255"},
        {"value": "7", "color": "#000000", "label": "水体", "alpha": "255"},
    ]
    assert [child.tag for child in root] == ["pipe", "blendMode"]


def test_a_map_gets_styles_beside_it(make_map: MakeMap, cli: Cli) -> None:
    path = make_map()
    before = set(path.parent.iterdir())
    said = cli("style", path, "--classes", "land,sea")
    assert said.code == 0, said.err
    new = {file.name for file in set(path.parent.iterdir()) - before}
    assert new == {"map.qml", "map.style.json", "map.style.png"}
    assert said.out.split() == [str(path.with_name(name)) for name in sorted(new)]
    style = json.loads(path.with_name("map.style.json").read_text())
    assert style["version"] == 8
    assert [one["name"] for one in style["metadata"]["classes"]] == ["land", "sea"]
    assert cli("style", path).code == 0, "its own files are replaced"


def test_the_picture_of_maplibre_lies_where_the_map_does(tmp_path: Path, cli: Cli) -> None:
    pyproj = pytest.importorskip("pyproj")
    ids = np.zeros((300, 400), np.uint8)
    ids[:150, 200:] = 1
    path = write(tmp_path / "a.tif", ids, nodata=255, **GEO)
    assert cli("style", path, "--classes", "west,east").code == 0
    source = json.loads((tmp_path / "a.style.json").read_text())["sources"]["classes"]
    with Image.open(tmp_path / source["url"]) as picture:
        drawn = np.asarray(picture)
    to_mercator = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
    (left, top), _, (right, bottom), _ = (
        to_mercator.transform(*corner) for corner in source["coordinates"]
    )
    to_picture = pyproj.Transformer.from_crs(GEO["crs"], 3857, always_xy=True)
    place = GEO["transform"]
    assert isinstance(place, Affine)
    colours = {}
    for row in range(5, 300, 29):
        for col in range(5, 400, 39):
            x, y = to_picture.transform(*(place @ (col + 0.5, row + 0.5)))
            across = int((x - left) / (right - left) * drawn.shape[1])
            down = int((top - y) / (top - bottom) * drawn.shape[0])
            colour = tuple(drawn[down, across].tolist())
            assert colour[3] == 255
            assert colours.setdefault(int(ids[row, col]), colour) == colour
    assert len(set(colours.values())) == 2


def test_a_map_without_a_place_has_a_style_for_qgis_alone(tmp_path: Path, cli: Cli) -> None:
    path = write(tmp_path / "a.tif", np.zeros((30, 40), np.uint8))
    said = cli("style", path, "--classes", "land,sea")
    assert said.code == 0
    assert "no style for MapLibre" in said.err
    assert {file.name for file in tmp_path.iterdir()} == {"a.tif", "a.qml"}


def test_styles_of_others_stay(make_map: MakeMap, cli: Cli) -> None:
    path = make_map()
    path.with_suffix(".qml").write_text("<qgis/>")
    said = cli("style", path)
    assert said.code == 3
    assert "is not of tilesegm" in said.err
    assert path.with_suffix(".qml").read_text() == "<qgis/>"
    assert not path.with_name("map.style.json").exists()
