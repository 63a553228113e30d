"""Zarr and xarray lie where their attributes and coordinates say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from rasterio.crs import CRS

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
def test_what_is_not_taken_is_said(image: Any, note: str) -> None:
    with open_source(image) as source:
        assert len(source.info.notes) == 1
        assert re.search(note, source.info.notes[0])


def test_degrees_are_assumed_to_be_wgs84_aloud(tmp_path: Path) -> None:
    with open_source(with_coordinates(tmp_path, {}, **degrees())) as source:
        assert source.info.notes == (
            "coordinates are degrees without a coordinate system; WGS 84 is assumed",
        )
