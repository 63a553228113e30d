from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import zarr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform as warp_points
from skimage.measure import points_in_poly

from tests.source.conftest import WriteRaster
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.area import PolygonArea, open_area
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.polygons import Polygons

pytest.importorskip("shapely")
pytest.importorskip("pyogrio")
import pyogrio
import shapely

TRANSFORM = Affine(10, 0, 500_000, 0, -10, 5_000_000)
UTM = rasterio.crs.CRS.from_epsg(32633)


def info(height: int = 60, width: int = 80, transform: Any = TRANSFORM) -> ImageInfo:
    place = Georeference(UTM.to_wkt(), tuple(transform)[:6]) if transform else Georeference()
    dtype = np.dtype("uint8")
    return ImageInfo("image.tif", "GTiff", height, width, 1, dtype, (8, 8), georeference=place)


def write_polygons(path: Path, *rings: list[tuple[float, float]], crs: str | None = None) -> Path:
    """Write rings as GeoJSON; without a CRS its coordinates are longitude and latitude."""
    features = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        }
        for ring in rings
    ]
    collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        collection["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(collection))
    return path


def write_layer(path: Path, ring: list[tuple[float, float]]) -> Path:
    """Write a ring of longitudes and latitudes in the format that the suffix names."""
    drivers = {".gdb": "OpenFileGDB", ".gpkg": "GPKG", ".shp": "ESRI Shapefile"}
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shapely.MultiPolygon([shapely.Polygon(ring)]))]),
        field_data=[np.array([1], np.int32)],
        fields=np.array(["number"]),
        crs="EPSG:4326",
        geometry_type="MultiPolygon",
        driver=drivers[path.suffix],
    )
    return path


def on_ground(rows: list[float], cols: list[float], crs: str) -> list[tuple[float, float]]:
    eastings = [TRANSFORM.c + TRANSFORM.a * col for col in cols]
    northings = [TRANSFORM.f + TRANSFORM.e * row for row in rows]
    xs, ys = warp_points(UTM, crs, eastings, northings)
    return list(zip(xs, ys, strict=True))


@pytest.mark.parametrize(
    ("crs", "name"),
    [
        ("EPSG:32633", "urn:ogc:def:crs:EPSG::32633"),
        ("EPSG:4326", None),
        ("EPSG:3857", "urn:ogc:def:crs:EPSG::3857"),
    ],
)
def test_polygons_of_any_crs_fall_on_their_pixels(
    tmp_path: Path, crs: str, name: str | None
) -> None:
    corners = on_ground([10, 10, 20, 20], [30, 50, 50, 30], crs)
    area = open_area(write_polygons(tmp_path / "area.geojson", corners, crs=name), info())
    expected = np.zeros((60, 80), bool)
    expected[10:20, 30:50] = True
    found = area.mask(Window(0, 0, 60, 80))
    # Straight lines of one system are curved in another: by less than half a pixel here.
    np.testing.assert_array_equal(found, expected)


@settings(deadline=None, max_examples=40)
@given(
    points=st.lists(
        st.tuples(st.floats(-10, 50), st.floats(-10, 50)), min_size=3, max_size=3, unique=True
    ),
    row=st.integers(0, 30),
    col=st.integers(0, 30),
)
def test_a_window_shows_its_part_of_the_whole_mask(
    points: list[tuple[float, float]], row: int, col: int
) -> None:
    polygon = shapely.Polygon(points)
    if polygon.area < 1:
        return
    area = PolygonArea(Polygons([polygon]), ())
    whole = area.mask(Window(0, 0, 40, 40))
    part = Window(row, col, 40 - row, 40 - col)
    np.testing.assert_array_equal(area.mask(part), whole[part.slices])
    centres = np.mgrid[:40, :40].reshape(2, -1).T[:, ::-1] + 0.5
    distance = np.array([polygon.exterior.distance(shapely.Point(*c)) for c in centres])
    inside = points_in_poly(centres, np.array(points))
    clear = distance > 1 / 256  # to which corners are rounded
    np.testing.assert_array_equal(whole.ravel()[clear], inside[clear])


def test_several_polygons_join(tmp_path: Path) -> None:
    one = on_ground([0, 0, 5, 5], [0, 5, 5, 0], "EPSG:4326")
    two = on_ground([50, 50, 59, 59], [70, 79, 79, 70], "EPSG:4326")
    area = open_area(write_polygons(tmp_path / "area.geojson", one, two), info())
    assert area.mask(Window(0, 0, 60, 80)).sum() == 25 + 81
    assert not area.mask(Window(10, 10, 20, 20)).any()


def test_an_area_beside_the_image_is_refused(tmp_path: Path) -> None:
    far = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
    with pytest.raises(SourceError, match="misses the image"):
        open_area(write_polygons(tmp_path / "area.geojson", far), info())


def test_an_empty_area_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(SourceError, match=r"area\.geojson"):
        open_area(path, info())


def test_polygons_need_a_georeference(tmp_path: Path) -> None:
    ring = on_ground([0, 0, 5], [0, 5, 5], "EPSG:4326")
    path = write_polygons(tmp_path / "area.geojson", ring)
    with pytest.raises(SourceError, match="no georeference; give a mask raster"):
        open_area(path, info(transform=None))


def test_a_file_that_is_absent_or_no_area_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        open_area(tmp_path / "absent.gpkg", info())
    for name in ("bad.geojson", "bad.tif"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(SourceError, match="cannot be read"):
            open_area(tmp_path / name, info())


@pytest.mark.parametrize("name", ["area.gpkg", "area.shp", "area.gdb"])
def test_files_and_folders_of_polygons_are_read(tmp_path: Path, name: str) -> None:
    ring = on_ground([0, 0, 5, 5], [0, 5, 5, 0], "EPSG:4326")
    area = open_area(write_layer(tmp_path / name, ring), info())
    assert area.mask(Window(0, 0, 60, 80)).sum() == 25


def test_identity_follows_the_content(tmp_path: Path) -> None:
    ring = on_ground([0, 0, 5], [0, 5, 5], "EPSG:4326")
    one = open_area(write_polygons(tmp_path / "one.geojson", ring), info())
    same = open_area(write_polygons(tmp_path / "same.geojson", ring), info())
    other = open_area(write_polygons(tmp_path / "other.geojson", ring, ring), info())
    assert one.identity == same.identity != other.identity


def test_a_mask_raster_counts_where_it_is_neither_zero_nor_nodata(
    write_raster: WriteRaster,
) -> None:
    values = np.arange(60 * 80).reshape(60, 80, 1) % 3
    path = write_raster("mask.tif", values.astype("uint8"), nodata=2, crs=UTM, transform=TRANSFORM)
    area = open_area(path, info())
    window = Window(7, 11, 13, 17)
    np.testing.assert_array_equal(area.mask(window), values[window.slices][..., 0] == 1)


def test_a_mask_without_georeference_lies_on_the_grid(write_raster: WriteRaster) -> None:
    area = open_area(write_raster("mask.png", np.ones((60, 80, 1), "uint8"), driver="PNG"), info())
    assert area.mask(Window(0, 0, 60, 80)).all()


@pytest.mark.parametrize(("shape", "shift"), [((60, 79), 0), ((60, 80), -7)])
def test_a_mask_that_does_not_reach_everywhere_leaves_the_rest_outside(
    write_raster: WriteRaster, shape: tuple[int, int], shift: float
) -> None:
    moved = Affine(10, 0, TRANSFORM.c + shift, 0, -10, TRANSFORM.f)
    path = write_raster("mask.tif", np.ones((*shape, 1), "uint8"), crs=UTM, transform=moved)
    area = open_area(path, info())
    inside = np.ones((60, 80), bool)
    inside[:, 79] = False
    np.testing.assert_array_equal(area.mask(Window(0, 0, 60, 80)), inside)
    assert [note for note in area.notes if "pixels beyond it are outside" in note]


def test_a_mask_elsewhere_is_refused(write_raster: WriteRaster) -> None:
    far = Affine(10, 0, TRANSFORM.c + 800, 0, -10, TRANSFORM.f)
    path = write_raster("mask.tif", np.ones((60, 80, 1), "uint8"), crs=UTM, transform=far)
    with pytest.raises(SourceError, match=r"mask .* misses the image"):
        open_area(path, info())


def write_zarr(path: Path, kind: str, values: np.ndarray, transform: Affine = TRANSFORM) -> Path:
    """Write a mask as plain Zarr with a GeoTransform, as OME-Zarr, or as we write maps."""
    c, a, b, f, d, e = transform.to_gdal()
    mapping = {"crs_wkt": UTM.to_wkt(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
    if kind == "array":
        zarr.create_array(path, data=values)
    elif kind == "plain":
        group = zarr.create_group(path)
        array = group.create_array("mask", data=values, dimension_names=("y", "x"))
        array.attrs.update({"grid_mapping": "spatial_ref", "_FillValue": 2})
        group.create_array("spatial_ref", data=np.int64(0)).attrs.update(mapping)
    else:
        axes = [{"name": name, "type": "space"} for name in "yx"]
        scale = {"type": "scale", "scale": [1.0, 1.0]}
        level = {"path": "0", "coordinateTransformations": [scale]}
        ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
        group = zarr.create_group(path, attributes={"ome": ome})
        group.create_array("0", data=values, dimension_names=("y", "x"))
    return path


@pytest.mark.parametrize("kind", ["array", "plain", "ome"])
def test_a_mask_may_be_zarr(tmp_path: Path, kind: str) -> None:
    values = (np.arange(60 * 80).reshape(60, 80) % 3).astype("uint8")
    area = open_area(write_zarr(tmp_path / "mask.zarr", kind, values), info())
    window = Window(7, 11, 13, 17)
    inside = values[window.slices] == 1 if kind == "plain" else values[window.slices] != 0
    np.testing.assert_array_equal(area.mask(window), inside)
    copied = shutil.copytree(tmp_path / "mask.zarr", tmp_path / "copy.zarr")
    assert open_area(copied, info()).identity == area.identity
    other = open_area(write_zarr(tmp_path / "other.zarr", kind, values * 2), info())
    assert other.identity != area.identity


def test_a_zarr_mask_on_another_grid_or_none_at_all_is_refused(tmp_path: Path) -> None:
    ones = np.ones((60, 80), "uint8")
    with pytest.raises(SourceError, match="59 x 80 pixels and the image 60 x 80"):
        open_area(write_zarr(tmp_path / "small.zarr", "ome", ones[1:]), info())
    moved = Affine(10, 0, 500_800, 0, -10, 5_000_000)
    with pytest.raises(SourceError, match="misses the image"):
        open_area(write_zarr(tmp_path / "moved.zarr", "plain", ones, moved), info())
    zarr.create_group(tmp_path / "empty.zarr")
    with pytest.raises(SourceError, match=r"area of interest .* without arrays of images"):
        open_area(tmp_path / "empty.zarr", info())
    with pytest.raises(SourceError, match="does not exist"):
        open_area(tmp_path / "absent.zarr", info())


def test_bands_that_a_mask_has_beside_its_first_are_said_to_be_left_out(
    write_raster: WriteRaster,
) -> None:
    path = write_raster("mask.tif", np.ones((60, 80, 3), "uint8"), crs=UTM, transform=TRANSFORM)
    assert [
        note.endswith("the first of 3 bands is taken as the mask")
        for note in open_area(path, info()).notes
    ] == [True]
