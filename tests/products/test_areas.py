"""Areas of classes, on the ground and corrected for errors."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyproj
import pytest
import tifffile
from affine import Affine

import tilesegm as ts
from tests.images import GEO, write
from tilesegm.cartography.class_map import ShownMap
from tilesegm.errors import InputError, SettingsError
from tilesegm.products.adjusted import adjust_areas, read_confusion
from tilesegm.products.areas import adjusted, areas_csv, measure_areas
from tilesegm.products.class_map import MapOptions
from tilesegm.products.clean import CleanOptions, clean
from tilesegm.products.extent import Extent
from tilesegm.source.open import open_source

IDS = np.array([[0, 0, 1, 255], [0, 2, 2, 1]], np.uint8)


def test_areas_of_a_projected_map(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", IDS, nodata=255, **GEO)
    measured = measure_areas(path, MapOptions(classes=("water", "tree", "road", "hut")))
    assert measured.pixels.tolist() == [3, 2, 2, 0]
    assert measured.areas.tolist() == [300, 200, 200, 0]
    assert (measured.unit, measured.missing) == ("m2", 1)
    rows = measured.rows()
    assert rows[0] == {"name": "water", "pixels": 3, "m2": 300.0, "ha": 0.03}


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_areas_where_pixels_differ_are_those_on_the_ellipsoid(tmp_path: Path, crs: str) -> None:
    west, north, degrees = 10.0, 60.0, 0.5
    to = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
    left, top = to(west, north)
    right, bottom = to(west + degrees, north - degrees)
    ids = np.repeat(np.arange(4, dtype=np.uint8), 5)[:, None] * np.ones(30, np.uint8)
    place = Affine((right - left) / 30, 0, left, 0, (bottom - top) / 20, top)
    path = write(tmp_path / "a.tif", ids.astype(np.uint8), crs=crs, transform=place)
    measured = measure_areas(path)
    back = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform
    for kind in range(4):
        _, first = back(left, top + (bottom - top) * kind / 4)
        _, last = back(left, top + (bottom - top) * (kind + 1) / 4)
        # Parallels are no geodesics: many short edges follow them.
        along = np.linspace(west, west + degrees, 500)
        x = np.concatenate([along, along[::-1]])
        y = np.concatenate([np.full(500, first), np.full(500, last)])
        area, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(x, y)
        assert measured.areas[kind] == pytest.approx(abs(area), rel=1e-6)


def test_objects_are_counted_on_demand(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", IDS, nodata=255, **GEO)
    measured = measure_areas(path, objects=True)
    assert measured.objects is not None
    assert measured.objects.tolist() == [1, 2, 1]
    assert measured.pixels.tolist() == [3, 2, 2]


def test_the_worked_example_of_olofsson() -> None:
    # Table 8 of the paper: rows are the map; mapped pixels of 30 m, 0.09 ha.
    counts = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]], float)
    mapped = np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09
    found = adjust_areas(mapped, counts.T)
    assert found.areas[0] == pytest.approx(21_158, abs=1)
    assert found.margins[0] == pytest.approx(6_158, abs=1)
    assert found.areas.sum() == pytest.approx(mapped.sum())


def test_a_class_without_counted_places_is_refused() -> None:
    with pytest.raises(InputError, match="mapped as class 1"):
        adjust_areas(np.array([5.0, 5.0]), np.array([[3.0, 0.0], [1.0, 0.0]]))


def test_an_evaluation_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", IDS, nodata=255)
    said = tmp_path / "e.json"
    names = [{"name": "water"}, {"name": "tree"}]
    said.write_text(json.dumps({"classes": names, "confusion": [[3, 1, 0], [0, 4, 1]]}))
    told = read_confusion(said)
    assert told[1].tolist() == [[3, 1], [0, 4]]
    with pytest.raises(InputError, match=r"classes water, tree and .* with --classes 'class 0,"):
        adjusted(measure_areas(path), *told)
    said.write_text("{}")
    with pytest.raises(InputError, match="json-file"):
        read_confusion(said)


def test_a_table_has_a_row_per_map(tmp_path: Path) -> None:
    one = measure_areas(write(tmp_path / "a.tif", IDS, nodata=255, **GEO))
    two = measure_areas(write(tmp_path / "b.tif", np.full((2, 2), 3, np.uint8)))
    rows = list(csv.DictReader(io.StringIO(areas_csv([one, two]))))
    assert [row["pixels"] for row in rows] == ["7", "4"]
    assert rows[0]["class 0 m2"] == "300.0"
    assert rows[1]["class 0 m2"] == ""
    assert rows[1]["class 3 pixels"] == "4"


@pytest.mark.parametrize(
    ("text", "value", "on_ground"),
    [
        ("50", 50, False),
        ("50 px", 50, False),
        ("10m2", 10, True),
        ("0.5ha", 5000, True),
        ("300um2", 3e-10, True),
        ("2 km²", 2e6, True),
    ],
)
def test_areas_as_users_give_them(text: str, value: float, on_ground: bool) -> None:
    extent = Extent.area(text, "--min-area")
    assert extent.value == pytest.approx(value)
    assert extent.on_ground is on_ground


@pytest.mark.parametrize("text", ["10m", "m2", "-3", "ten", "0", "1e3x"])
def test_other_texts_are_no_areas(text: str) -> None:
    with pytest.raises(SettingsError, match="--min-area"):
        Extent.area(text, "--min-area")


def test_ground_units_need_a_scale(tmp_path: Path) -> None:
    from tilesegm.products.class_map import ClassMap

    with ClassMap(write(tmp_path / "a.tif", IDS, **GEO)) as class_map:
        assert Extent.length("25m", "--majority").pixels(class_map.ground, "") == 2.5
    with (
        ClassMap(write(tmp_path / "b.tif", IDS)) as class_map,
        pytest.raises(SettingsError, match="does not tell their size"),
    ):
        Extent.length("25m", "--majority").pixels(class_map.ground, "--majority")


def _place(crs: str, *, turned: bool) -> dict[str, object]:
    return {"crs": crs, "transform": Affine(10, 3 * turned, 5e5, 3 * turned, -10, 5e6)}


@pytest.mark.parametrize(
    ("place", "unit", "why"),
    [
        (_place("EPSG:3857", turned=True), "px", "run across latitudes; gdalwarp"),
        (_place("EPSG:32633", turned=True), "m2", "in the plane"),
        # Longitudes of the NTF (Paris) are gradians from Paris.
        ({"crs": "EPSG:4807", "transform": Affine(0.1, 0, 5, 0, -0.1, 50)}, "px", "nor degrees"),
        ({}, "px", "the map does not tell their size"),
    ],
)
def test_why_areas_are_in_pixels_is_said(
    tmp_path: Path, place: dict[str, object], unit: str, why: str
) -> None:
    measured = measure_areas(write(tmp_path / "a.tif", IDS, nodata=255, **place))
    assert measured.unit == unit
    assert why in measured.how


def test_pictures_in_a_folder_are_no_maps(tmp_path: Path) -> None:
    from tilesegm.cartography.quicklook import write_quicklook
    from tilesegm.products.area_files import find_maps

    image = write(tmp_path / "image.tif", np.zeros((20, 30, 2), np.uint8))
    maps = tmp_path / "maps"
    maps.mkdir()
    tiling = ts.Tiling(tile=32, overlap=8)
    for name in ("a.png", "b.tif"):
        ts.segment(str(image), lambda x: x, maps / name, tiling=tiling)
    write_quicklook(maps / "c.png", ShownMap.of(maps / "b.tif"))
    paths, left = find_maps([str(maps)])
    assert paths == [str(maps / "a.png"), str(maps / "b.tif")]
    assert left == f"{maps / 'c.png'}: pictures of maps are left out"


def test_areas_of_a_slide_are_in_micrometres(tmp_path: Path) -> None:
    """Of 0.5 by 0.25 µm a pixel has 0.125 µm², in the map, its overview and what is made of it."""
    slide, output = tmp_path / "slide.ome.tif", tmp_path / "map.tif"
    size = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    tifffile.imwrite(slide, np.zeros((600, 1300), np.uint8), ome=True, metadata=size)
    ts.segment(str(slide), lambda x: np.concatenate([x + 1, x], -1), output)
    cleaned = tmp_path / "clean.tif"
    clean(output, cleaned, CleanOptions(majority=Extent.length("3", "--majority")))
    for path in (output, cleaned):
        found = measure_areas(path)
        assert found.unit == "um2"
        assert found.areas[0] == pytest.approx(600 * 1300 * 0.125, rel=1e-6)
    with open_source(str(output), level=1) as half:
        assert half.info.georeference.pixel_size == pytest.approx((0.5, 1.0), rel=1e-6)


def test_the_resolution_of_a_photo_is_no_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IDS, resolution=(300, 300), resolutionunit="CENTIMETER")
    assert measure_areas(tmp_path / "a.tif").unit == "px"
