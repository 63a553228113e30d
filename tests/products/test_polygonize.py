"""Files of polygons, as other libraries read them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import scipy.ndimage
import shapely
import zarr
from numpy.typing import NDArray

import tilesegm as ts
from tests.images import GEO, write
from tests.images import read as read_raster
from tests.products.maps import listed, whole
from tilesegm.errors import InputError, OutputError, SettingsError
from tilesegm.products.class_map import MapOptions
from tilesegm.products.extent import Extent
from tilesegm.products.polygonize import PolygonOptions, polygonize
from tilesegm.products.selection import Selection

SUFFIXES = (".gpkg", ".fgb", ".shp", ".parquet", ".geojson")
NAMES = ("nothing", "wäter", "tree", "road")


def ids_of_map() -> NDArray[np.uint8]:
    blocks = np.random.default_rng(0).integers(0, 4, (9, 12)).astype(np.uint8)
    return np.kron(blocks, np.ones((2, 3), np.uint8))


def options(**more: Any) -> PolygonOptions:
    return PolygonOptions(reading=MapOptions(classes=NAMES), **more)


def read(path: Path) -> tuple[dict[str, NDArray[Any]], NDArray[Any], str | None]:
    """Columns, geometries and coordinate system of a file."""
    if path.suffix == ".parquet":
        import geopandas

        frame = geopandas.read_parquet(path)
        columns = {name: frame[name].to_numpy() for name in frame.columns if name != "geometry"}
        return columns, frame.geometry.to_numpy(), frame.crs and frame.crs.to_string()
    meta, _, shapes, values = pyogrio.raw.read(path)
    columns = dict(zip(meta["fields"].tolist(), values, strict=True))
    return columns, shapely.from_wkb(shapes), meta["crs"]


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != ".geojson"])
def test_formats_hold_the_polygons_of_the_whole_map(tmp_path: Path, suffix: str) -> None:
    ids = ids_of_map()
    path = write(tmp_path / "map.tif", ids, nodata=0, **GEO)
    output = tmp_path / f"p{suffix}"
    done = polygonize(path, output, options())
    columns, shapes, crs = read(output)
    assert crs == "EPSG:32633"

    def back(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points - (5e5, 5e6)) / (10, -10) + 0.0  # no negative zero

    assert listed(columns["class_id"], shapely.transform(shapes, back)) == whole(ids)
    assert (shapely.area(shapes) == columns["area_m2"]).all()
    assert (columns["area_m2"] == 100 * columns["pixels"]).all()
    assert columns["class"].tolist() == [NAMES[n] for n in columns["class_id"]]
    # FlatGeobuf sorts by place.
    assert sorted(columns["id"].tolist()) == list(range(1, len(shapes) + 1))
    box = np.stack([columns[name] for name in ("xmin", "ymin", "xmax", "ymax")], 1)
    np.testing.assert_array_equal(box, shapely.bounds(shapes))
    if suffix != ".shp":
        assert shapely.is_ccw(shapely.get_exterior_ring(shapes)).all()
    assert sum(done.counts) == len(shapes)
    assert not any(name.startswith(".") for name in os.listdir(tmp_path))
    polygonize(path, output, options())  # its own file is replaced


def test_geojson_is_in_degrees_and_shares_borders(tmp_path: Path) -> None:
    ids = ids_of_map()
    path = write(tmp_path / "map.tif", ids, nodata=0, **GEO)
    done = polygonize(path, tmp_path / "p.geojson", options())
    assert any("degrees" in note for note in done.notes)
    columns, shapes, crs = read(tmp_path / "p.geojson")
    assert crs == "EPSG:4326"
    assert shapely.coverage_is_valid(shapes)
    west, south, east, north = shapely.total_bounds(shapes)
    assert 14.9 < west < east < 15.1
    assert 45.1 < south < north < 45.2
    assert columns["area_m2"].sum() == 100 * (ids != 0).sum()
    said = json.loads((tmp_path / "p.geojson").read_text())
    assert len(said["features"][0]["bbox"]) == 4


def test_geojson_without_a_place_is_read_by_qupath(tmp_path: Path) -> None:
    ids = ids_of_map()
    path = write(tmp_path / "map.tif", ids, nodata=0)
    polygonize(path, tmp_path / "p.geojson", options())
    said = json.loads((tmp_path / "p.geojson").read_text())
    found = []
    for feature in said["features"]:
        properties = feature["properties"]
        assert properties["objectType"] == "annotation"
        assert properties["classification"]["name"] == NAMES[properties["class_id"]]
        assert len(properties["classification"]["color"]) == 3
        assert properties["measurements"]["Area px^2"] == properties["pixels"]
        found.append(shapely.geometry.shape(feature["geometry"]))
    kinds = [feature["properties"]["class_id"] for feature in said["features"]]
    assert listed(kinds, np.array(found)) == whole(ids)
    assert len({feature["id"] for feature in said["features"]}) == len(found)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_coco_is_read_by_pycocotools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    ids = np.kron(ids_of_map(), np.ones((3, 3), np.uint8))
    path = write(tmp_path / "map.tif", ids, nodata=0)
    polygonize(path, tmp_path / "p.json", options())
    said = coco.COCO(str(tmp_path / "p.json"))
    capsys.readouterr()
    drawn = np.zeros(ids.shape, int)
    for annotation in said.anns.values():
        mask = said.annToMask(annotation).astype(bool)
        assert mask.sum() == annotation["area"]
        rows, cols = np.nonzero(mask)
        box = [cols.min(), rows.min(), np.ptp(cols) + 1, np.ptp(rows) + 1]
        assert annotation["bbox"] == box
        assert not drawn[mask].any()
        drawn[mask] = annotation["category_id"]
    np.testing.assert_array_equal(drawn, ids)
    assert [one["name"] for one in said.loadCats(said.getCatIds())] == list(NAMES[1:])


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_confidence_beside_the_map_is_averaged(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((40, 50, 3)).astype(np.float32)
    output = tmp_path / f"map{suffix}"
    ts.segment(image, lambda pixels: pixels * 4, output, options=ts.Options(confidence="top"))
    polygonize(output, tmp_path / "p.gpkg")
    columns, _, _ = read(tmp_path / "p.gpkg")
    if suffix == ".tif":
        confidence = read_raster(tmp_path / "map_confidence.tif") / 254
    else:
        confidence = zarr.open(tmp_path / "map.zarr/confidence/0/confidence", mode="r")[:] / 254
    beside = {".tif": tmp_path / "map_confidence.tif", ".zarr": output / "confidence"}[suffix]
    with pytest.raises(InputError, match="give the class map"):
        polygonize(beside, tmp_path / "q.gpkg")
    told = columns["confidence"] * columns["pixels"]
    assert told.sum() == pytest.approx(confidence.sum())
    assert columns["class"][0] in ("class 0", "class 1", "class 2")


def test_classes_are_chosen_by_name_and_id(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", ids_of_map(), nodata=0)
    polygonize(path, tmp_path / "p.gpkg", options(selection=Selection(skip=("wäter", "2"))))
    columns, _, _ = read(tmp_path / "p.gpkg")
    assert set(columns["class"]) == {"road"}
    with pytest.raises(SettingsError, match=r"--only names 'wood'.*nothing, wäter, tree"):
        polygonize(path, tmp_path / "p.gpkg", options(selection=Selection(only=("wood",))))
    with pytest.raises(InputError, match=r"none of its .* objects is left"):
        polygonize(path, tmp_path / "p.gpkg", options(selection=Selection(only=("nothing",))))


def test_small_objects_are_merged_before_outlines_are_traced(tmp_path: Path) -> None:
    ids = np.ones((9, 9), np.uint8)
    ids[4:, :], ids[2, 2], ids[6, 6:8] = 2, 3, 1
    path = write(tmp_path / "map.tif", ids, **GEO)
    least = Extent.area("250m2", "--min-area")
    done = polygonize(path, tmp_path / "p.gpkg", options(selection=Selection(least=least)))
    columns, shapes, _ = read(tmp_path / "p.gpkg")
    assert columns["pixels"].tolist() == [36, 45]
    assert shapely.get_num_interior_rings(shapes).sum() == 0
    assert "2 of 4 objects are smaller than 250m2" in " ".join(done.notes)
    assert "nothing is left of road" in " ".join(done.notes)


def test_small_objects_that_stay_are_not_said_to_be_given_away(tmp_path: Path) -> None:
    ids = np.ones((6, 9), np.uint8)
    ids[:, 5:] = 0
    ids[2, 2], ids[2, 7], ids[4, 6:8] = 2, 1, 2
    path = write(tmp_path / "map.tif", ids, nodata=0, **GEO)
    selection = Selection(least=Extent.area("5", "--min-area"))
    done = polygonize(path, tmp_path / "p.gpkg", options(selection=selection))
    assert (
        "3 of 4 objects are smaller than 5; 1 were given to the neighbour of the longest border; "
        "2 have none that is large enough and stay"
    ) in " ".join(done.notes)


def test_simplified_polygons_leave_no_gap_and_do_not_overlap(tmp_path: Path) -> None:
    field = scipy.ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(80, 90)), 3)
    ids = (1 + np.digitize(field, [-0.03, 0.03])).astype(np.uint8)
    path = write(tmp_path / "map.tif", ids, **GEO)
    polygonize(path, tmp_path / "p.gpkg", options())
    _, before, _ = read(tmp_path / "p.gpkg")
    tolerance = Extent.length("15m", "--simplify")
    polygonize(path, tmp_path / "p.gpkg", options(simplify=tolerance))
    columns, shapes, _ = read(tmp_path / "p.gpkg")
    assert shapely.coverage_is_valid(shapes)
    assert shapely.is_valid(shapes).all()
    assert shapely.get_num_coordinates(shapes).sum() < shapely.get_num_coordinates(before).sum()
    assert shapely.area(shapes).sum() == pytest.approx(
        shapely.area(shapely.union_all(shapes)), rel=1e-9
    )
    assert columns["area_m2"].sum() == 100 * ids.size


def test_areas_that_simplification_changes_are_said(tmp_path: Path) -> None:
    ids = np.ones((20, 20), np.uint8)
    ids[8:10, 8:10] = 2  # of a square a triangle is left, half as large
    path = write(tmp_path / "map.tif", ids, **GEO)
    for tolerance, count in (("0.5", 0), ("3", 1)):
        simplify = Extent.length(tolerance, "--simplify")
        done = polygonize(path, tmp_path / "p.gpkg", options(simplify=simplify))
        columns, shapes, _ = read(tmp_path / "p.gpkg")
        own = columns["class_id"] == 2
        assert columns["area_m2"][own].tolist() == [400]
        assert shapely.area(shapes[own]).tolist() == [400 / (1 + count)]
        assert sum("than the pixels: " in one and "-50.0%" in one for one in done.notes) == count


def test_simplification_that_drops_a_class_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "map.tif", np.array([[1, 2, 2]], np.uint8))

    def without_first(shapes: NDArray[Any], tolerance: float) -> NDArray[Any]:
        return np.array([shapely.Polygon(), *shapes[1:]])

    monkeypatch.setattr(shapely, "coverage_simplify", without_first)
    with pytest.raises(InputError, match=r"drop all polygons of wäter \(1\)"):
        polygonize(path, tmp_path / "p.gpkg", options(simplify=Extent.length("1", "--simplify")))
    assert sorted(os.listdir(tmp_path)) == ["map.tif"]


def test_masks_of_black_and_white_have_two_classes(tmp_path: Path) -> None:
    mask = np.zeros((4, 5), np.uint8)
    mask[1:3, 1:4] = 255
    path = write(tmp_path / "mask.png", mask, driver="PNG")
    two = PolygonOptions(
        reading=MapOptions(classes=("land", "water")), selection=Selection(only=("water",))
    )
    done = polygonize(path, tmp_path / "p.gpkg", two)
    columns, shapes, _ = read(tmp_path / "p.gpkg")
    assert columns["class"].tolist() == ["water"]
    assert shapely.bounds(shapes).tolist() == [[1, 1, 4, 3]]
    assert any("255 is taken as water" in note for note in done.notes)


def test_measurements_are_no_class_maps(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="70000 is no class id"):
        polygonize(np.full((2, 3), 70_000, np.int32), tmp_path / "p.gpkg")


def test_only_pixels_of_the_area_of_interest_count(tmp_path: Path) -> None:
    ids = np.ones((6, 8), np.uint8)
    path = write(tmp_path / "map.tif", ids)
    mask = np.zeros_like(ids)
    mask[1:3, 2:7] = 1
    area = write(tmp_path / "mask.tif", mask)
    polygonize(path, tmp_path / "p.gpkg", PolygonOptions(reading=MapOptions(area=str(area))))
    _, shapes, _ = read(tmp_path / "p.gpkg")
    assert shapely.bounds(shapes).tolist() == [[2, 1, 7, 3]]


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".json"])
def test_files_of_others_stay(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / "map.tif", ids_of_map(), nodata=0, **GEO)
    output = tmp_path / f"p{suffix}"
    output.write_bytes(b"mine")
    with pytest.raises(OutputError, match="is not of tilesegm"):
        polygonize(path, output)
    assert output.read_bytes() == b"mine"


def test_bad_outputs_are_refused_in_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", ids_of_map(), nodata=0)
    for name, error, words in (
        ("p.csv", SettingsError, "cannot hold polygons"),
        ("away/p.gpkg", OutputError, "does not exist"),
        ("map.tif", SettingsError, "cannot hold polygons"),
    ):
        with pytest.raises(error, match=words):
            polygonize(path, tmp_path / name)
    with pytest.raises(InputError, match="none of its 6 pixels has a class"):
        polygonize(
            write(tmp_path / "b.tif", np.zeros((2, 3), np.uint8), nodata=0), tmp_path / "p.fgb"
        )
    with pytest.raises(InputError, match="3 bands; expected one band of class ids"):
        polygonize(np.zeros((2, 3, 3), np.uint8), tmp_path / "p.fgb")
    with pytest.raises(InputError, match=r"0\.5 is no class id"):
        polygonize(np.full((2, 3), 0.5), tmp_path / "p.fgb")
    assert sorted(os.listdir(tmp_path)) == ["b.tif", "map.tif"]


def _killed(path: Path, output: Path) -> None:
    def die(*_: Any) -> Iterator[Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield

    from tilesegm.products import polygons

    polygons.Outlines.batches = die  # type: ignore[method-assign]
    polygonize(path, output)


def test_a_kill_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", ids_of_map(), nodata=0)
    output = tmp_path / "p.gpkg"
    process = multiprocessing.get_context("spawn").Process(target=_killed, args=(path, output))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not output.exists()
    assert len(os.listdir(tmp_path)) == 2  # a hidden folder of work
    polygonize(path, output)
    assert sorted(os.listdir(tmp_path)) == ["map.tif", "p.gpkg"]
