"""Vector files as people have them: each is drawn where it lies, or refused for its real reason."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.warp
import shapely
from affine import Affine

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.area import open_area
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.projection import project

UTM = "EPSG:32633"
PLACE = Affine(10, 0, 500_000, 0, -10, 5_000_000)
"""Of an image of 60 x 80 pixels in Slovenia, at 15 degrees east and 45.15 north."""

Boxes = list[tuple[float, float, float, float]]


def image(
    crs: str | None = UTM, transform: Affine = PLACE, height: int = 60, width: int = 80
) -> ImageInfo:
    wkt = None if crs is None else rasterio.crs.CRS.from_string(crs).to_wkt()
    place = Georeference(wkt, tuple(transform)[:6])
    dtype = np.dtype("uint8")
    return ImageInfo("image.tif", "GTiff", height, width, 1, dtype, (8, 8), georeference=place)


def mask(path: Path | str, info: ImageInfo | None = None) -> np.ndarray:
    info = info or image()
    return open_area(path, info).mask(Window(0, 0, info.height, info.width))


def lonlat(info: ImageInfo) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of pixel centres, longitudes as PROJ gives them."""
    rows, cols = np.mgrid[: info.height, : info.width] + 0.5
    x, y = Affine(*info.georeference.transform) @ (cols.ravel(), rows.ravel())
    points = project(info.georeference.crs, "EPSG:4326", np.column_stack([x, y]))
    lon, lat = points.T.reshape(2, info.height, info.width)
    return lon, lat


def ground(left: int, top: int, right: int, bottom: int) -> Any:
    """A box of pixels of the first image, in its coordinates."""
    return shapely.box(*PLACE @ (left, bottom), *PLACE @ (right, top))


def degrees(shape: Any) -> Any:
    """The same in longitude and latitude, its corners that is."""
    x, y = shapely.get_coordinates(shape).T
    lonlat = np.column_stack(rasterio.warp.transform(UTM, "EPSG:4326", x, y))
    return shapely.set_coordinates(shapely.from_wkb(shapely.to_wkb(shape)), lonlat)


BLOCK = degrees(ground(10, 20, 30, 40))
"""400 pixels."""
OTHER = degrees(ground(50, 5, 60, 15))
"""100 pixels."""


def geojson(path: Path, *shapes: Any, crs: str | None = None, **properties: list[Any]) -> Path:
    """Write shapes, or their GeoJSON, or None."""
    features = [
        {
            "type": "Feature",
            "properties": {name: values[number] for name, values in properties.items()},
            "geometry": shape
            if shape is None or isinstance(shape, dict)
            else json.loads(shapely.to_geojson(shape)),
        }
        for number, shape in enumerate(shapes)
    ]
    collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        collection["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(collection))
    return path


def layer(
    path: Path,
    *shapes: Any,
    name: str | None = None,
    geometry: str = "Polygon",
    crs: str | None = "EPSG:4326",
    **columns: list[Any],
) -> Path:
    """Write shapes (or WKB) and columns as a layer of the format that the suffix names."""
    encoded = [s if s is None or isinstance(s, bytes) else shapely.to_wkb(s) for s in shapes]
    more: dict[str, Any] = {"layer": name} if name else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without a coordinate system, or without a column
        pyogrio.raw.write(
            path,
            np.array([*encoded, None], dtype=object)[:-1],
            [np.array(values) for values in columns.values()],
            list(columns),
            crs=crs,
            geometry_type=geometry,
            **more,
        )
    return path


def zipped(path: Path, *files: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def boxes(path: Path, *listed: tuple[float, float, float, float]) -> Path:
    return geojson(path, *(shapely.box(*one) for one in listed))


# Area beyond the projection of the image ---------------------------------------------------------

REACHING: dict[str, Boxes] = {
    "world": [(-180, -90, 180, 90)],
    "world of 0 to 360": [(0, -90, 360, 90)],
    "a hemisphere": [(0, -90, 180, 90)],
    "continent": [(-20, 5, 140, 80)],
    "country and antipode": [(13, 44, 17, 47), (-166, -47, -163, -44)],
    "country and pole": [(13, 44, 17, 47), (-180, -90, 180, -60)],
    "halves of the world": [(-180, -90, 0, 90), (0, -90, 180, 90)],
}


@pytest.mark.parametrize("name", REACHING)
def test_what_reaches_beyond_the_projection_of_the_image_is_clipped(
    tmp_path: Path, name: str
) -> None:
    assert mask(boxes(tmp_path / "a.geojson", *REACHING[name])).all()


def test_half_a_world_ends_where_its_border_crosses_the_image(tmp_path: Path) -> None:
    info = image(transform=PLACE @ Affine.translation(-40, 0))
    lon, _ = lonlat(info)
    np.testing.assert_array_equal(
        mask(boxes(tmp_path / "a.geojson", (-165, -90, 15, 90)), info), lon < 15
    )


def test_a_world_in_mercator_covers_the_image(tmp_path: Path) -> None:
    edge = 20037508.342789244
    path = geojson(
        tmp_path / "a.geojson",
        shapely.box(-edge, -edge, edge, edge),
        crs="urn:ogc:def:crs:EPSG::3857",
    )
    assert mask(path).all()


POLAR = Affine(100_000, 0, -4_000_000, 0, -100_000, 3_000_000)


@pytest.mark.parametrize(("crs", "side"), [("EPSG:3413", 1), ("EPSG:3031", -1)])
def test_around_a_pole(tmp_path: Path, crs: str, side: int) -> None:
    info = image(crs, POLAR)
    world = boxes(tmp_path / "world.geojson", (-180, -90, 180, 90))
    assert mask(world, info).all()
    lon, lat = lonlat(info)
    cap = (-180, 75, 180, 90) if side > 0 else (-180, -90, 180, -75)
    np.testing.assert_array_equal(mask(boxes(tmp_path / "cap.geojson", cap), info), side * lat > 75)
    sector = (20, 60, 100, 90) if side > 0 else (20, -90, 100, -60)
    expected = (lon > 20) & (lon < 100) & (side * lat > 60)
    assert (mask(boxes(tmp_path / "sector.geojson", sector), info) != expected).sum() < 3


def test_the_disk_that_a_satellite_sees(tmp_path: Path) -> None:
    geos = "+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84 +units=m"
    info = image(geos, Affine(150_000, 0, -6_000_000, 0, -150_000, 6_000_000), 80, 80)
    found = mask(boxes(tmp_path / "a.geojson", (-180, -90, 180, 90)), info)
    rows, cols = np.mgrid[:80, :80] - 39.5
    from_centre = np.hypot(rows, cols) * 150_000
    assert found[from_centre < 5_250_000].all()
    assert not found[from_centre > 5_600_000].any()


# The dateline ------------------------------------------------------------------------------------

FIJI = image("EPSG:4326", Affine(0.1, 0, 178, 0, -0.1, -15), 60, 60)
GLOBE = image("EPSG:4326", Affine(2, 0, 0, 0, -2, 90), 90, 180)
"""Longitudes from 0 to 360."""
ATLANTIC = image("EPSG:4326", Affine(2, 0, -180, 0, -2, 90), 90, 180)


@pytest.mark.parametrize(
    ("info", "listed", "columns"),
    [
        (FIJI, [(178.5, -20, 180, -16), (-180, -20, -177, -16)], [(5, 50)]),
        (FIJI, [(-180, -20, -177, -16)], [(20, 50)]),
        (FIJI, [(178.5, -20, 183, -16)], [(5, 50)]),
        (FIJI, [(-181.5, -20, -177, -16)], [(5, 50)]),
        (GLOBE, [(-30, -20, 30, -16)], [(0, 15), (165, 180)]),
        (GLOBE, [(-180, -20, 180, -16)], [(0, 180)]),
        (ATLANTIC, [(170, -20, 190, -16)], [(0, 5), (175, 180)]),
        (ATLANTIC, [(0, -20, 360, -16)], [(0, 180)]),
    ],
    ids=["halves", "east half", "beyond 180", "below -180", "zero", "band", "190", "0 to 360"],
)
def test_longitudes_that_differ_by_a_turn_are_one_place(
    tmp_path: Path, info: ImageInfo, listed: Boxes, columns: list[tuple[int, int]]
) -> None:
    expected = np.zeros((info.height, info.width), bool)
    rows = slice(10, 50) if info is FIJI else slice(53, 55)
    for first, stop in columns:
        expected[rows, first:stop] = True
    np.testing.assert_array_equal(mask(boxes(tmp_path / "a.geojson", *listed), info), expected)


@pytest.mark.parametrize(
    "info",
    [
        image("EPSG:32701", Affine(5000, 0, 20_000, 0, -5000, 8_400_000)),
        image("EPSG:3857", Affine(5000, 0, 19_837_508, 0, -5000, -1_600_000)),
        image("EPSG:3832", Affine(5000, 0, 3_137_508, 0, -5000, -1_600_000)),
    ],
    ids=["UTM", "web mercator beyond its edge", "mercator of the Pacific"],
)
def test_projected_images_across_the_dateline(tmp_path: Path, info: ImageInfo) -> None:
    lon, lat = lonlat(info)
    assert (lon > 0).any()
    assert (lon < 0).any()
    path = boxes(tmp_path / "a.geojson", (179, -17, 180, -15), (-180, -17, -179, -15))
    expected = (np.abs(lon) > 179) & (lat > -17) & (lat < -15)
    np.testing.assert_array_equal(mask(path, info), expected)


def inside(info: ImageInfo, crs: str, box: tuple[float, float, float, float]) -> np.ndarray:
    """Pixels whose centre lies in a box of another coordinate system."""
    rows, cols = np.mgrid[: info.height, : info.width] + 0.5
    x, y = Affine(*info.georeference.transform) @ (cols.ravel(), rows.ravel())
    # Far away the projection of a zone fails.
    near = (np.abs(np.abs(x) - 180) < 15) & (np.abs(y) < 80) if "326" in crs else np.abs(y) < 90
    within = np.zeros(len(x), bool)
    x, y = map(np.array, rasterio.warp.transform(info.georeference.crs, crs, x[near], y[near]))
    within[near] = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    return within.reshape(info.height, info.width)


FINE = image("EPSG:4326", Affine(0.5, 0, -180, 0, -0.5, 90), 360, 720)


@pytest.mark.parametrize(
    ("crs", "box"),
    [
        ("EPSG:3413", (-2e6, -2.2e6, 1.9e6, 2e6)),
        ("EPSG:3413", (-2e6, 3e5, 1.9e6, 2e6)),
        ("EPSG:3031", (-2e6, -2.2e6, 1.9e6, 2e6)),
        ("EPSG:32601", (2e5, 1e6, 8e5, 5e6)),
        ("EPSG:32660", (2e5, 1e6, 9e5, 5e6)),
        ("EPSG:3832", (1e6, -3e6, 6e6, 4e6)),
        ("EPSG:3035", (2.6e6, 1.5e6, 7e6, 5.4e6)),
    ],
)
@pytest.mark.parametrize("info", [FINE, GLOBE], ids=["-180 to 180", "0 to 360"])
def test_polygons_of_a_map_of_a_region_on_a_map_of_the_world(
    tmp_path: Path, info: ImageInfo, crs: str, box: tuple[float, float, float, float]
) -> None:
    code = crs.removeprefix("EPSG:")
    path = geojson(tmp_path / "a.geojson", shapely.box(*box), crs=f"urn:ogc:def:crs:EPSG::{code}")
    expected = inside(info, crs, box)
    assert expected.any()
    assert (mask(path, info) != expected).sum() <= expected.sum() // 200


@pytest.mark.parametrize(
    ("crs", "half"),
    [("ESRI:54030", 17_000_000), ("+proj=robin +lon_0=150", 17_000_000), ("EPSG:3857", 20_037_508)],
)
def test_countries_on_a_map_of_the_world(tmp_path: Path, crs: str, half: int) -> None:
    info = image(crs, Affine(half / 100, 0, -half, 0, -half / 100, half / 2), 100, 200)
    lon, lat = lonlat(info)
    listed = [(20, 40, 180, 70), (-180, 60, -170, 70), (-80, -50, -40, 10), (120, -40, 160, -10)]
    expected = np.zeros(lon.shape, bool)
    for west, south, east, north in listed:
        expected |= (lon > west) & (lon < east) & (lat > south) & (lat < north)
    found = mask(boxes(tmp_path / "a.geojson", *listed), info)
    # Beyond the edge of the world the inverse of a projection makes something up.
    x = project("EPSG:4326", crs, np.column_stack([lon.ravel(), lat.ravel()]))[:, 0]
    cols = np.arange(200) + 0.5
    on_earth = np.isclose(x.reshape(lon.shape), -half + cols * half / 100, atol=half / 1e4)
    assert on_earth.mean() > 0.7
    assert (found != expected)[on_earth].sum() <= 1


# Shapes ------------------------------------------------------------------------------------------


def table(path: Path, *wkt: str) -> str:
    """A table with a column of shapes as text, in metres."""
    path.write_text("\n".join(["WKT,name", *(f'"{shape}",x' for shape in wkt)]))
    return f"{path}|crs={UTM}"


def corners(*pixels: tuple[float, float], more: str = "") -> str:
    return ",".join("{} {}".format(*PLACE @ pixel) + more for pixel in pixels)


def ring(*corners: tuple[float, float]) -> list[list[float]]:
    return [list(PLACE @ corner) for corner in corners]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


UTM_URN = "urn:ogc:def:crs:EPSG::32633"
SHAPES: dict[str, tuple[Callable[[Path], Any], int]] = {
    "collection": (
        lambda p: geojson(
            p / "a.geojson", shapely.GeometryCollection([BLOCK, shapely.Point(15, 45), OTHER])
        ),
        500,
    ),
    "multi": (lambda p: geojson(p / "a.geojson", shapely.MultiPolygon([BLOCK, OTHER])), 500),
    "parts that overlap": (
        lambda p: geojson(
            p / "a.geojson",
            {
                "type": "MultiPolygon",
                "coordinates": [
                    [ring((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))],
                    [ring((5, 0), (15, 0), (15, 10), (5, 10), (5, 0))],
                ],
            },
            crs=UTM_URN,
        ),
        150,
    ),
    "z": (lambda p: layer(p / "a.gpkg", shapely.force_3d(BLOCK, 7.0), geometry="Polygon Z"), 400),
    "zm": (
        lambda p: table(
            p / "a.csv",
            f"POLYGON ZM(({corners((0, 0), (20, 0), (20, 20), (0, 20), (0, 0), more=' 5 6')}))",
        ),
        400,
    ),
    "null": (lambda p: geojson(p / "a.geojson", None, BLOCK, None), 400),
    "null in a table": (lambda p: layer(p / "a.gpkg", BLOCK, None), 400),
    "empty": (lambda p: layer(p / "a.gpkg", BLOCK, shapely.Polygon()), 400),
    "bow tie": (
        lambda p: geojson(
            p / "a.geojson", polygon(ring((0, 0), (20, 20), (20, 0), (0, 20), (0, 0))), crs=UTM_URN
        ),
        200,
    ),
    "open ring": (
        lambda p: geojson(
            p / "a.geojson", polygon(ring((0, 0), (20, 0), (20, 20), (0, 20))), crs=UTM_URN
        ),
        400,
    ),
    "open ring in a table": (
        lambda p: layer(
            p / "a.gpkg",
            struct.pack("<BIII", 1, 3, 1, 4)
            + b"".join(struct.pack("<dd", *c) for c in ring((0, 0), (20, 0), (20, 20), (0, 20))),
            crs=UTM,
        ),
        400,
    ),
    "ring of two corners and a block": (
        lambda p: layer(p / "a.gpkg", struct.pack("<BIIIdddd", 1, 3, 1, 2, 0, 0, 1, 1), BLOCK),
        400,
    ),
    "hole": (
        lambda p: geojson(p / "a.geojson", BLOCK.difference(degrees(ground(15, 25, 20, 30)))),
        375,
    ),
    "hole that touches the shell": (
        lambda p: geojson(
            p / "a.geojson",
            polygon(
                ring((0, 0), (20, 0), (20, 20), (0, 20), (0, 0)),
                ring((0, 0), (10, 0), (10, 10), (0, 10), (0, 0)),
            ),
            crs=UTM_URN,
        ),
        300,
    ),
    "coordinates beyond all bounds": (
        lambda p: geojson(
            p / "a.geojson", polygon([[1e300, 0], [1e300, 1], [1e299, 1], [1e300, 0]]), BLOCK
        ),
        400,
    ),
    "coordinates that are no numbers": (
        lambda p: layer(
            p / "a.gpkg",
            struct.pack("<BIII", 1, 3, 1, 4) + struct.pack("<8d", *[float("nan")] * 8),
            BLOCK,
        ),
        400,
    ),
    "points and lines beside": (
        lambda p: geojson(
            p / "a.geojson", shapely.Point(15, 45), shapely.LineString([(15, 45), (16, 46)]), BLOCK
        ),
        400,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_all_kinds(tmp_path: Path, name: str) -> None:
    write, pixels = SHAPES[name]
    assert mask(write(tmp_path)).sum() == pixels


def test_curves_are_drawn_as_curves(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:60, :80] + 0.5
    circle = corners((30, 30), (40, 20), (50, 30), (40, 40), (30, 30))
    path = table(tmp_path / "a.csv", f"CURVEPOLYGON(CIRCULARSTRING({circle}))")
    np.testing.assert_array_equal(mask(path), np.hypot(rows - 30, cols - 40) < 10)


# Files and layers --------------------------------------------------------------------------------


def two_layers(path: Path) -> Path:
    layer(path, BLOCK, name="north")
    return layer(path, OTHER, name="south")


def points_first(path: Path) -> Path:
    layer(path, shapely.Point(15.001, 45.149), name="visits", geometry="Point")
    return layer(path, BLOCK, name="fields")


def kml(path: Path, *folders: Any) -> Path:
    """Folders of a place each, as Google Earth writes them."""
    placed = "".join(
        f"<Folder><name>folder {number}</name><Placemark><name>p</name><Polygon><outerBoundaryIs>"
        "<LinearRing><coordinates>"
        + " ".join(f"{x!r},{y!r},0" for x, y in shapely.get_coordinates(shape).tolist())
        + "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Folder>"
        for number, shape in enumerate(folders)
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document>{placed}</Document></kml>"
    )
    return path


def shapefile(folder: Path, *shapes: Any, **options: Any) -> list[Path]:
    layer(folder / "fields.shp", *shapes, **options)
    return sorted(folder.glob("fields.*"))


FILES: dict[str, tuple[Callable[[Path], Any], int]] = {
    "layers of a GeoPackage": (lambda p: two_layers(p / "a.gpkg"), 500),
    "points before polygons": (lambda p: points_first(p / "a.gpkg"), 400),
    "folders of a KML": (lambda p: kml(p / "a.kml", BLOCK, OTHER), 500),
    "KMZ": (lambda p: zipped(p / "a.kmz", kml(p / "doc.kml", BLOCK, OTHER)), 500),
    "shapefile .shp.zip": (lambda p: zipped(p / "a.shp.zip", *shapefile(p, BLOCK)), 400),
    "shapefile .zip": (lambda p: zipped(p / "a.zip", *shapefile(p, BLOCK)), 400),
    "shapefile .SHP": (
        lambda p: (
            [f.rename(f.with_suffix(f.suffix.upper())) for f in shapefile(p, BLOCK)]
            and p / "fields.SHP"
        ),
        400,
    ),
    "GeoPackage .gpkg.zip": (
        lambda p: zipped(p / "a.gpkg.zip", two_layers(p / "b.gpkg")),
        500,
    ),
    "GeoJSON .zip": (lambda p: zipped(p / "a.zip", geojson(p / "b.geojson", BLOCK)), 400),
    "FlatGeobuf": (lambda p: layer(p / "a.fgb", BLOCK), 400),
    "GeoJSON lines": (
        lambda p: (
            (p / "a.geojsonl").write_text(
                "\n".join(
                    json.dumps(
                        {
                            "type": "Feature",
                            "properties": {},
                            "geometry": json.loads(shapely.to_geojson(s)),
                        }
                    )
                    for s in (BLOCK, OTHER)
                )
            )
            and p / "a.geojsonl"
        ),
        500,
    ),
    "a bare geometry": (
        lambda p: (p / "a.json").write_text(shapely.to_geojson(BLOCK)) and p / "a.json",
        400,
    ),
    "a byte order mark": (
        lambda p: (
            (p / "a.geojson").write_bytes(
                b"\xef\xbb\xbf" + geojson(p / "b.geojson", BLOCK).read_bytes()
            )
            and p / "a.geojson"
        ),
        400,
    ),
    "old crs member": (
        lambda p: geojson(p / "a.geojson", ground(10, 20, 30, 40), crs="EPSG:32633"),
        400,
    ),
    "CRS84": (lambda p: geojson(p / "a.geojson", BLOCK, crs="urn:ogc:def:crs:OGC:1.3:CRS84"), 400),
    "GML": (lambda p: layer(p / "a.gml", BLOCK), 400),
    "MapInfo": (lambda p: layer(p / "a.tab", ground(10, 20, 30, 40), crs=UTM, number=[1]), 400),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_all_kinds(tmp_path: Path, name: str) -> None:
    write, pixels = FILES[name]
    assert mask(write(tmp_path)).sum() == pixels


STATED: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "layer": (lambda p: two_layers(p / "a.gpkg"), "|layername=south", 100),
    "second folder": (lambda p: kml(p / "a.kml", BLOCK, OTHER), "|layername=folder 1", 100),
    "GeoJSON in metres": (
        lambda p: geojson(p / "a.geojson", ground(10, 20, 30, 40)),
        "|crs=EPSG:32633",
        400,
    ),
    "shapefile without .prj": (lambda p: shapefile(p, BLOCK, crs=None)[-2], "|crs=EPSG:4326", 400),
    "both": (
        lambda p: layer(layer(p / "a.gpkg", BLOCK, name="x", crs=None), OTHER, name="y", crs=None),
        "|layername=y|crs=EPSG:4326",
        100,
    ),
}


@pytest.mark.parametrize("name", STATED)
def test_what_a_file_does_not_say_can_be_stated(tmp_path: Path, name: str) -> None:
    write, stated, pixels = STATED[name]
    assert mask(f"{write(tmp_path)}{stated}").sum() == pixels


def test_polygons_in_pixels_need_no_georeference(tmp_path: Path) -> None:
    info = image(None, Affine.identity())
    info = ImageInfo("slide.svs", "SVS", 60, 80, 3, np.dtype("uint8"), (8, 8))
    path = geojson(tmp_path / "a.geojson", shapely.box(10, 20, 30, 40), shapely.box(500, 0, 501, 1))
    found = mask(f"{path}|crs=pixels", info)
    assert found[20:40, 10:30].all()
    assert found.sum() == 400
    with pytest.raises(SourceError, match=r"a\.geojson\|crs=pixels"):
        mask(path, info)


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "metres without crs": (
        lambda p: geojson(p / "a.geojson", ground(10, 20, 30, 40)),
        r"no degrees.*a\.geojson\|crs=EPSG:",
    ),
    "metres as degrees in a table": (
        lambda p: layer(p / "a.gpkg", ground(10, 20, 30, 40)),
        r"no degrees.*a\.gpkg\|crs=EPSG:",
    ),
    "degrees without crs": (
        lambda p: shapefile(p, BLOCK, crs=None)[-2],
        r"no coordinate system.*fields\.shp\|crs=EPSG:",
    ),
    "points": (
        lambda p: geojson(p / "a.geojson", shapely.Point(15, 45), shapely.Point(15, 46)),
        r"layer a holds points",
    ),
    "lines": (
        lambda p: layer(
            p / "a.gpkg", shapely.LineString([(15, 45), (16, 46)]), geometry="LineString"
        ),
        r"lines",
    ),
    "a table": (
        lambda p: layer(p / "a.gpkg", shapely.Point(1, 1), geometry="Point", name="spots"),
        r"spots.*points",
    ),
    "nothing": (lambda p: geojson(p / "a.geojson"), r"holds no polygon"),
    "only nulls": (
        lambda p: geojson(p / "a.geojson", None, None),
        r"without a geometry left out: 2",
    ),
    "latitude first": (
        lambda p: geojson(p / "a.geojson", shapely.transform(BLOCK, lambda xy: xy[:, ::-1])),
        r"latitude",
    ),
    "elsewhere": (lambda p: boxes(p / "a.geojson", (80, 10, 81, 11)), r"misses the image"),
    "cut short": (
        lambda p: (
            (p / "a.geojson").write_text(geojson(p / "b.geojson", BLOCK).read_text()[:-40])
            and p / "a.geojson"
        ),
        r"a\.geojson cannot be read",
    ),
    "no archive": (
        lambda p: (p / "a.zip").write_text("nothing") and p / "a.zip",
        r"a\.zip cannot be read",
    ),
    "an archive without shapes": (
        lambda p: zipped(p / "a.zip", Path(__file__)),
        r"a\.zip cannot be read",
    ),
    "Parquet that is none": (
        lambda p: (p / "a.parquet").write_text("nothing") and p / "a.parquet",
        r"a\.parquet cannot be read",
    ),
    "a layer of invalid shapes only": (
        lambda p: layer(p / "a.gpkg", struct.pack("<BIIIdddd", 1, 3, 1, 2, 0, 0, 1, 1)),
        r"a\.gpkg.*1 ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused_say_why(tmp_path: Path, name: str) -> None:
    write, words = REFUSED[name]
    with pytest.raises(SourceError, match=words):
        mask(write(tmp_path))
