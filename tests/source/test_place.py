"""Zarr and xarray lie where their attributes and coordinates say."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from rasterio.crs import CRS
from rasterio.warp import transform as warp_points

from tilesegm.source.open import open_source

from .conftest import pixels

HEIGHT, WIDTH = 12, 9
UTM = "EPSG:32633"
WKT = CRS.from_epsg(32633).to_wkt()
TRANSFORM = (10.0, 0.0, 500000.0, 0.0, -10.0, 4000000.0)
GDAL = "500000 10 0 4000000 0 -10"
Y = 3999995 - 10.0 * np.arange(HEIGHT)
X = 500005 + 10.0 * np.arange(WIDTH)


def cube(**coords: Any) -> xr.DataArray:
    """Three bands of an image."""
    values = pixels(HEIGHT, WIDTH, 3).transpose(2, 0, 1)
    return xr.DataArray(values, dims=("band", "y", "x"), coords=coords, name="img")


def with_mapping(name: str = "spatial_ref", **attributes: Any) -> xr.Dataset:
    """A data set with a grid mapping, as rioxarray writes it."""
    found = cube(y=Y, x=X).to_dataset()
    found[name] = xr.DataArray(0, attrs=attributes)
    found.img.attrs["grid_mapping"] = name
    return found


def rioxarray(folder: Path, version: int) -> Any:
    path = folder / "cube.zarr"
    with_mapping(crs_wkt=WKT, GeoTransform=GDAL).to_zarr(
        path, zarr_format=version, consolidated=False
    )
    return path


def bare(folder: Path, group: dict[str, Any], array: dict[str, Any]) -> Path:
    """An array without coordinates, and attributes of it and of its group."""
    root = zarr.create_group(folder / "bare.zarr")
    root.attrs.update(group)
    made = root.create_array(
        "img", data=pixels(HEIGHT, WIDTH, 1)[..., 0], dimension_names=("y", "x")
    )
    made.attrs.update(array)
    return folder / "bare.zarr" / "img"


def with_coordinates(folder: Path, array: dict[str, Any], **coords: Any) -> Path:
    path = folder / "coords.zarr"
    found = xr.DataArray(pixels(HEIGHT, WIDTH, 1)[..., 0], dims=tuple(coords), coords=coords)
    found.attrs.update(array)
    found.to_dataset(name="img").to_zarr(path, zarr_format=2)
    return path / "img"


def degrees() -> dict[str, Any]:
    """Coordinates of the CF conventions, from south to north."""
    lat = xr.DataArray(40 + 0.25 * np.arange(HEIGHT), dims="lat", attrs={"units": "degrees_north"})
    lon = xr.DataArray(-5 + 0.25 * np.arange(WIDTH), dims="lon", attrs={"units": "degrees_east"})
    return {"lat": lat, "lon": lon}


def kilometres() -> xr.Dataset:
    found = with_mapping(crs_wkt=WKT)
    for name in ("y", "x"):
        found[name] = found[name] / 1000
        found[name].attrs["units"] = "km"
    return found


PROJJSON = {
    "type": "GeographicCRS",
    "name": "WGS 84",
    "datum": {
        "type": "GeodeticReferenceFrame",
        "name": "World Geodetic System 1984",
        "ellipsoid": {
            "name": "WGS 84",
            "semi_major_axis": 6378137,
            "inverse_flattening": 298.257223563,
        },
    },
    "coordinate_system": {
        "subtype": "ellipsoidal",
        "axis": [
            {"name": "Lat", "abbreviation": "Lat", "direction": "north", "unit": "degree"},
            {"name": "Lon", "abbreviation": "Lon", "direction": "east", "unit": "degree"},
        ],
    },
    "id": {"authority": "EPSG", "code": 4326},
}
SPATIAL = {"spatial:dimensions": ["y", "x"], "spatial:transform": list(TRANSFORM)}

ROWS: dict[str, tuple[Callable[[Path], Any], str | None, tuple[float, ...] | None]] = {
    "rioxarray in Zarr v2": (lambda f: rioxarray(f, 2) / "img", UTM, TRANSFORM),
    "rioxarray in Zarr v3": (lambda f: rioxarray(f, 3) / "img", UTM, TRANSFORM),
    "group of one image": (lambda f: rioxarray(f, 3), UTM, TRANSFORM),
    "open array": (lambda f: zarr.open_group(rioxarray(f, 3), mode="r")["img"], UTM, TRANSFORM),
    "DataArray": (
        lambda f: with_mapping(crs_wkt=WKT).set_coords("spatial_ref").img,
        UTM,
        TRANSFORM,
    ),
    "Dataset": (lambda f: with_mapping(crs_wkt=WKT).set_coords("spatial_ref"), UTM, TRANSFORM),
    "Dataset that xarray opened": (
        lambda f: xr.open_zarr(rioxarray(f, 2), decode_coords="all", consolidated=False),
        UTM,
        TRANSFORM,
    ),
    "lazy part of a DataArray, cut since": (
        lambda f: xr.open_zarr(rioxarray(f, 2), decode_coords="all", consolidated=False).img.isel(
            y=slice(4, None), x=slice(2, None)
        ),
        UTM,
        (10.0, 0.0, 500020.0, 0.0, -10.0, 3999960.0),
    ),
    "coarsened since": (
        lambda f: (
            with_mapping(crs_wkt=WKT, GeoTransform=GDAL)
            .set_coords("spatial_ref")
            .img.astype("float32")
            .coarsen(y=2, x=3)
            .mean()
        ),
        UTM,
        (30.0, 0.0, 500000.0, 0.0, -20.0, 4000000.0),
    ),
    "mapping of another name, by CF's long form": (
        lambda f: (
            with_mapping("utm33", spatial_ref=WKT)
            .assign_coords({})
            .pipe(lambda d: d.assign(img=d.img.assign_attrs(grid_mapping="utm33: x y")))
            .set_coords("utm33")
        ),
        UTM,
        TRANSFORM,
    ),
    "geographic by CF alone": (
        lambda f: with_mapping("crs", grid_mapping_name="latitude_longitude").set_coords("crs"),
        "EPSG:4326",
        TRANSFORM,
    ),
    "rotated": (
        lambda f: (
            with_mapping(crs_wkt=WKT, GeoTransform="5e5 10 2 4e6 2 -10")
            .drop_vars(["x", "y"])
            .set_coords("spatial_ref")
        ),
        UTM,
        (10.0, 2.0, 500000.0, 2.0, -10.0, 4000000.0),
    ),
    "GeoZarr on the group": (
        lambda f: bare(f, {"proj:code": UTM, **SPATIAL}, {}),
        UTM,
        TRANSFORM,
    ),
    "GeoZarr on the array, by nodes": (
        lambda f: bare(
            f,
            {"proj:code": "EPSG:4326"},
            {"proj:wkt2": WKT, **SPATIAL, "spatial:registration": "node"},
        ),
        UTM,
        (10.0, 0.0, 499995.0, 0.0, -10.0, 4000005.0),
    ),
    "GeoZarr of a coarser level": (
        lambda f: bare(
            f, {"proj:code": UTM, **SPATIAL, "spatial:shape": [2 * HEIGHT, 2 * WIDTH]}, {}
        ),
        UTM,
        (20.0, 0.0, 500000.0, 0.0, -20.0, 4000000.0),
    ),
    "GeoZarr by PROJJSON and a box": (
        lambda f: bare(f, {"proj:projjson": PROJJSON, "spatial:bbox": [10, 40, 19, 52]}, {}),
        "EPSG:4326",
        (1.0, 0.0, 10.0, 0.0, -1.0, 52.0),
    ),
    "GeoZarr's forerunner": (
        lambda f: bare(f, {"geo": {"proj": {"code": UTM, "transform": list(TRANSFORM)}}}, {}),
        UTM,
        TRANSFORM,
    ),
    "GDAL": (
        lambda f: with_coordinates(
            f, {"_CRS": {"url": "http://www.opengis.net/def/crs/EPSG/0/32633"}}, Y=Y, X=X
        ),
        UTM,
        TRANSFORM,
    ),
    "xarray's former rasterio reader": (
        lambda f: bare(f, {}, {"crs": "+init=epsg:32633", "transform": [*TRANSFORM, 0, 0, 1]}),
        UTM,
        TRANSFORM,
    ),
    "degrees from south to north": (
        lambda f: with_coordinates(f, {}, **degrees()),
        "EPSG:4326",
        (0.25, 0.0, -5.125, 0.0, 0.25, 39.875),
    ),
    "kilometres": (lambda f: kilometres().set_coords("spatial_ref"), UTM, TRANSFORM),
    "coordinates of little precision": (
        lambda f: (
            with_mapping(crs_wkt=WKT, GeoTransform=GDAL)
            .assign_coords(y=Y.astype("float32"), x=X.astype("float32"))
            .set_coords("spatial_ref")
        ),
        UTM,
        TRANSFORM,
    ),
    "rounded coordinates": (
        lambda f: cube(
            y=np.round(50 - np.arange(HEIGHT) / 12, 3), x=np.round(np.arange(WIDTH) / 12, 3)
        ),
        None,
        (1 / 12, 0.0, -1 / 24, 0.0, -1 / 12, 50 + 1 / 24),
    ),
    "numbers of pixels": (lambda f: cube(y=np.arange(HEIGHT), x=np.arange(WIDTH)), None, None),
    "no coordinates": (lambda f: cube(), None, None),
}


@pytest.mark.parametrize(("make", "crs", "transform"), ROWS.values(), ids=ROWS)
def test_place(make: Any, crs: str | None, transform: Any, tmp_path: Path) -> None:
    with open_source(make(tmp_path)) as source:
        place = source.info.georeference
    assert (place.crs and CRS.from_wkt(place.crs)) == (crs and CRS.from_string(crs))
    assert (transform is None) == (place.transform is None)
    if transform is not None:
        assert place.transform == pytest.approx(transform, abs=1e-3)


@pytest.mark.parametrize(
    ("image", "note"),
    [
        (cube(y=Y + np.arange(HEIGHT) ** 2, x=X), "coordinates y are not evenly spaced"),
        (cube(y=Y, x=np.where(X > 500040, X + 100, X)), "coordinates x are not evenly spaced"),
        (cube(y=np.full(HEIGHT, np.nan), x=X), "coordinates y are not evenly spaced"),
        (
            with_mapping(grid_mapping_name="sinusoidal").set_coords("spatial_ref"),
            "parameters of sinusoidal alone, .* add crs_wkt",
        ),
        (with_mapping(crs_wkt="EPSG:0").set_coords("spatial_ref"), "is not understood: EPSG:0"),
        (
            with_mapping(GeoTransform="0 10 0 0 0 -10").set_coords("spatial_ref"),
            "of another grid than its coordinates",
        ),
        (
            with_mapping(GeoTransform="500005 10 0 3999995 0 -10").set_coords("spatial_ref"),
            "coordinates lie 0.5 pixels beside the transform",
        ),
    ],
)
def test_what_is_not_taken_is_said(image: Any, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)  # as if it were not installed
    with open_source(image) as source:
        assert len(source.info.notes) == 1
        assert re.search(note, source.info.notes[0])


def test_degrees_are_assumed_to_be_wgs84_aloud(tmp_path: Path) -> None:
    with open_source(with_coordinates(tmp_path, {}, **degrees())) as source:
        assert source.info.notes == (
            "coordinates are degrees without a coordinate system; WGS 84 is assumed",
        )


SPHERE = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563}
CF: dict[str, tuple[dict[str, Any], str]] = {
    "transverse_mercator": (
        {
            "latitude_of_projection_origin": 0.0,
            "longitude_of_central_meridian": 15.0,
            "scale_factor_at_central_meridian": 0.9996,
            "false_easting": 500000.0,
            "false_northing": 0.0,
        },
        "+proj=tmerc +lat_0=0 +lon_0=15 +k=0.9996 +x_0=500000 +y_0=0",
    ),
    "lambert_conformal_conic": (
        {
            "standard_parallel": np.array([33.0, 45.0]),
            "latitude_of_projection_origin": 39.0,
            "longitude_of_central_meridian": 10.0,
            "false_easting": 1000.0,
        },
        "+proj=lcc +lat_1=33 +lat_2=45 +lat_0=39 +lon_0=10 +x_0=1000 +y_0=0",
    ),
    "lambert_azimuthal_equal_area": (
        {"latitude_of_projection_origin": 52.0, "longitude_of_projection_origin": 10.0},
        "+proj=laea +lat_0=52 +lon_0=10",
    ),
    "albers_conical_equal_area": (
        {
            "standard_parallel": [43.0, 62.0],
            "latitude_of_projection_origin": 30.0,
            "longitude_of_central_meridian": 10.0,
        },
        "+proj=aea +lat_1=43 +lat_2=62 +lat_0=30 +lon_0=10",
    ),
    "polar_stereographic": (
        {
            "standard_parallel": 70.0,
            "latitude_of_projection_origin": 90.0,
            "straight_vertical_longitude_from_pole": -45.0,
        },
        "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45",
    ),
    "mercator": (
        {"standard_parallel": 20.0, "longitude_of_projection_origin": 5.0},
        "+proj=merc +lat_ts=20 +lon_0=5",
    ),
    "geostationary": (
        {
            "perspective_point_height": 35785831.0,
            "longitude_of_projection_origin": 9.5,
            "latitude_of_projection_origin": 0.0,
            "sweep_angle_axis": "y",
        },
        "+proj=geos +h=35785831 +lon_0=9.5 +sweep=y",
    ),
    "latitude_longitude": ({"earth_radius": 6371229.0}, "+proj=longlat +R=6371229"),
}


@pytest.mark.parametrize("name", CF)
def test_a_grid_mapping_of_cf_may_tell_parameters_alone(name: str) -> None:
    pytest.importorskip("pyproj")
    parameters, proj = CF[name]
    ellipsoid = {} if "earth_radius" in parameters else SPHERE
    mapping = {"grid_mapping_name": name, **parameters, **ellipsoid}
    image = with_mapping("crs", **mapping).set_coords("crs")
    with open_source(image) as source:
        place, notes = source.info.georeference, source.info.notes
    assert notes == ()
    assert place.transform == pytest.approx(TRANSFORM)
    expected = CRS.from_string(proj + (" +ellps=WGS84" if ellipsoid else ""))
    lons, lats = [3.0, 12.0, 25.0], [36.0, 48.0, 61.0]
    # From the system itself, so that no shift of a datum comes in between.
    there = warp_points(expected, place.crs, *warp_points("EPSG:4326", expected, lons, lats))
    here = warp_points("EPSG:4326", expected, lons, lats)
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", ["array", "Zarr"])
def test_angles_of_a_scan_become_metres(kind: str, tmp_path: Path) -> None:
    parameters, _ = CF["geostationary"]
    height = parameters["perspective_point_height"]
    packed = {"units": "rad", "scale_factor": 5.6e-05, "add_offset": 0.1}
    found = with_mapping("goes", grid_mapping_name="geostationary", **parameters, **SPHERE)
    steps = np.arange(WIDTH).astype("int16"), -np.arange(HEIGHT).astype("int16")
    found = found.assign_coords(
        {name: (name, part, packed) for name, part in zip("xy", steps, strict=True)}
    )
    if kind == "Zarr":
        found.to_zarr(tmp_path / "goes.zarr", zarr_format=2)
        image: Any = tmp_path / "goes.zarr" / "img"
    else:
        image = xr.decode_cf(found).set_coords("goes")
    with open_source(image) as source:
        transform = source.info.georeference.transform
    side, edge = 5.6e-05 * height, (0.1 - 2.8e-05) * height
    top = (0.1 + 2.8e-05) * height
    assert transform == pytest.approx((side, 0.0, edge, 0.0, -side, top))


def test_parameters_that_make_no_system_are_said() -> None:
    pytest.importorskip("pyproj")
    image = with_mapping(grid_mapping_name="no_such_projection").set_coords("spatial_ref")
    with open_source(image) as source:
        (note,) = source.info.notes
        assert source.info.georeference.crs is None
    assert re.search("no_such_projection is not understood .* add crs_wkt", note)


@pytest.mark.parametrize("start", [0.0, 358.0, 179.0])
def test_longitudes_go_on_over_360_degrees(start: float) -> None:
    coords = degrees()
    turned = (start + 0.5 * np.arange(WIDTH)) % 360
    coords["lon"] = xr.DataArray(turned, dims="lon", attrs={"units": "degrees_east"})
    image = xr.DataArray(pixels(HEIGHT, WIDTH, 1)[..., 0], dims=("lat", "lon"), coords=coords)
    with open_source(image) as source:
        place = source.info.georeference
    assert place.transform == pytest.approx((0.5, 0.0, start - 0.25, 0.0, 0.25, 39.875))


@pytest.mark.parametrize("kind", ["array", "Zarr"])
def test_coordinates_of_each_pixel_give_no_place_and_say_so(kind: str, tmp_path: Path) -> None:
    rows, cols = np.indices((HEIGHT, WIDTH))
    coords = {
        "lat": (("y", "x"), 40 + 0.1 * rows),
        "lon": (("y", "x"), 5 + 0.1 * cols + 0.01 * rows),
    }
    image: Any = cube().assign_coords(coords)
    if kind == "Zarr":
        image.to_dataset(name="img").to_zarr(tmp_path / "swath.zarr", zarr_format=2)
        image = tmp_path / "swath.zarr" / "img"
    with open_source(image) as source:
        assert source.info.georeference.transform is None
        (note,) = source.info.notes
    assert re.search("lat and lon give each pixel a place of its own.*warp", note)


def test_a_coordinate_of_one_value_is_said_to_give_no_place() -> None:
    with open_source(cube(y=Y, x=X).isel(y=slice(0, 1))) as source:
        assert source.info.notes == ("coordinates y have a single value and give no georeference",)
