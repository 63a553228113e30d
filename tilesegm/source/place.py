"""Where an array lies on the ground, as the attributes and coordinates beside it tell.

Read are CF's grid mappings with the attributes of GDAL and rioxarray (``crs_wkt``, ``spatial_ref``,
``GeoTransform``), GeoZarr's ``proj:`` and ``spatial:`` and their forerunners, GDAL's ``_CRS``, the
``crs`` and ``transform`` of xarray's former rasterio reader, and coordinates of pixel centres.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from tilesegm.errors import SourceError
from tilesegm.shown import line_of
from tilesegm.source.attributes import scaling
from tilesegm.source.base import Georeference

__all__ = ["Surroundings", "Variable", "find_place", "scale_place", "stored_place"]

Transform = tuple[float, float, float, float, float, float]

_UNEVEN = 0.1
"""Pixels by which a coordinate may leave an even grid: what is rounded to few decimals does."""
_EAST = ("degrees_east", "degree_east", "degreee", "degreese", "degree_e", "degrees_e")
_RADIANS = ("rad", "radian", "radians")
_KILOMETRES = ("km", "kilometer", "kilometers", "kilometre", "kilometres")


@dataclass(frozen=True)
class Variable:
    """An array that describes another one: its coordinates, or its grid mapping."""

    attributes: Mapping[str, Any]
    values: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What stands beside an array in its store or data set."""

    attributes: Mapping[str, Any]
    """Of the array itself, before those of the group that holds it."""
    variable: Callable[[str], Variable | None]
    """Gives the array of a name beside it; None where there is none."""
    axes: tuple[str, str]
    """Names of the axes of rows and columns."""
    size: tuple[int, int]
    """Height and width."""
    curvilinear: tuple[str, ...] = ()
    """Names of coordinates that have both rows and columns."""


def find_place(beside: Surroundings) -> tuple[Georeference, tuple[str, ...]]:
    """Return where an array lies, and notes on what was assumed or left out.

    Coordinates know how an array was cut out or shrunk since its transform was written, so they
    win where the two lie more than half a pixel apart.
    """
    try:
        return _found_place(beside)
    except (ArithmeticError, AttributeError, CRSError, LookupError, TypeError, ValueError) as error:
        # Whatever attributes hold that is of no type they should be.
        return Georeference(), (
            f"what its attributes tell of its place is garbled ({line_of(error)})",
        )


def _found_place(beside: Surroundings) -> tuple[Georeference, tuple[str, ...]]:
    notes: list[str] = []
    mapping = _grid_mapping(beside)
    crs = _find_crs(beside, mapping, notes)
    written = _written_transform(beside, mapping)
    centres = _transform_of_centres(beside, crs, mapping, notes)
    if crs is None and centres is not None and _in_degrees(beside):
        crs = _wkt("EPSG:4326", notes)
        notes.append("coordinates are degrees without a coordinate system; WGS 84 is assumed")
    transform = _settle(written, centres, beside.size, notes)
    if transform is None and beside.curvilinear:
        notes.append(
            f"coordinates {' and '.join(beside.curvilinear)} give each pixel a place of its own, "
            "which no affine transform tells, so there is no georeference; warp the image to a "
            "regular grid"
        )
    return Georeference(crs=crs, transform=transform), tuple(notes)


def stored_place(attribute: Any) -> Georeference | None:
    """Return what tilesegm stored beside its own maps, in the attribute ``tilesegm``.

    Raises:
        SourceError: it is garbled.
    """
    stored = attribute.get("georeference") if isinstance(attribute, Mapping) else None
    if stored is None:  # somebody else's attribute, or none
        return None
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    config = ConfigDict(strict=True, allow_inf_nan=False)
    try:
        kind = TypeAdapter(list[Georeference], config=config)
        return kind.validate_json(json.dumps([stored]))[0]
    except (ValidationError, RecursionError):
        raise SourceError(
            "the georeference in its attribute tilesegm is garbled; write the map again"
        ) from None


def scale_place(place: Georeference, whole: tuple[int, int], size: tuple[int, int]) -> Georeference:
    """Return the place of an overview.

    Args:
        place: of the full resolution.
        whole: height and width of the full resolution.
        size: those of the overview.
    """
    rows, cols = whole[0] / size[0], whole[1] / size[1]
    return replace(
        place,
        transform=place.transform and _widen(place.transform, rows, cols),
        gcps=tuple((row / rows, col / cols, x, y, z) for row, col, x, y, z in place.gcps),
        rpcs=(),
    )


def _widen(transform: Transform, rows: float, cols: float) -> Transform:
    """Make pixels ``rows`` times as high and ``cols`` times as wide."""
    a, b, c, d, e, f = transform
    return a * cols, b * rows, c, d * cols, e * rows, f


def _grid_mapping(beside: Surroundings) -> Mapping[str, Any]:
    """Return the attributes of the grid mapping, by the name that the array gives or a usual one.

    The name may be followed by coordinates: ``crs: x y``.
    """
    words = str(beside.attributes.get("grid_mapping", "")).split()
    for name in (*(words[0].rstrip(":") for _ in words[:1]), "spatial_ref", "crs"):
        found = beside.variable(name)
        if found is not None:
            return found.attributes
    return {}


def _find_crs(beside: Surroundings, mapping: Mapping[str, Any], notes: list[str]) -> str | None:
    own = beside.attributes
    geo = own.get("geo:proj") or (own.get("geo") or {}).get("proj") or {}
    gdal = own.get("_CRS") or {}
    spelt = (
        *(mapping.get(name) for name in ("crs_wkt", "spatial_ref", "epsg_code", "proj4text")),
        *(own.get(f"proj:{name}") for name in ("wkt2", "projjson", "code", "epsg")),
        *(geo.get(name) for name in ("wkt2", "projjson", "code")),
        *(gdal.get(name) for name in ("wkt", "projjson", "url")),
        own.get("crs"),
    )
    for spelling in spelt:
        if spelling:
            return _wkt(spelling, notes)
    kind = mapping.get("grid_mapping_name")
    if kind == "latitude_longitude" and _is_wgs84(mapping):
        return _wkt("EPSG:4326", notes)
    return _of_parameters(str(kind), mapping, notes) if kind else None


def _of_parameters(kind: str, mapping: Mapping[str, Any], notes: list[str]) -> str | None:
    """Return the coordinate system that the parameters of a CF grid mapping make."""
    try:
        import pyproj
    except ImportError:
        notes.append(
            f"its grid mapping tells the parameters of {kind} alone, which needs pyproj (pip "
            'install "tilesegm[cf]"), so the coordinate system is not known; or add crs_wkt, e.g. '
            "with rioxarray's rio.write_crs"
        )
        return None
    plain = {name: v.tolist() if hasattr(v, "tolist") else v for name, v in mapping.items()}
    try:
        made = pyproj.CRS.from_cf(plain).to_wkt()
    except Exception as error:  # pyproj raises what it stumbles over in the parameters
        notes.append(
            f"its grid mapping {kind} is not understood ({line_of(error, 120)}), so the coordinate "
            "system is not known; add crs_wkt, e.g. with rioxarray's rio.write_crs"
        )
        return None
    return _wkt(made, notes)


def _is_wgs84(mapping: Mapping[str, Any]) -> bool:
    axis = float(mapping.get("semi_major_axis", 6378137))
    prime = float(mapping.get("longitude_of_prime_meridian", 0))
    return axis == 6378137 and prime == 0 and "earth_radius" not in mapping


def _wkt(spelling: Any, notes: list[str]) -> str | None:
    if isinstance(spelling, Mapping):
        spelling = json.dumps(spelling)
    try:
        # Within it GDAL's complaints are errors, not lines on the terminal.
        with rasterio.Env():
            return str(CRS.from_user_input(spelling).to_wkt())
    except (CRSError, ValueError, TypeError):
        notes.append(f"its coordinate system is not understood: {str(spelling)[:80]}")
        return None


def _written_transform(beside: Surroundings, mapping: Mapping[str, Any]) -> Transform | None:
    """Return the transform that attributes hold, for the corners of pixels."""
    own = beside.attributes
    by_gdal = _numbers(mapping.get("GeoTransform"), 6)
    if by_gdal:
        c, a, b, f, d, e = by_gdal
        return (a, b, c, d, e, f) if a * e - b * d else None
    geo = own.get("geo:proj") or (own.get("geo") or {}).get("proj") or {}
    for value in (own.get("spatial:transform"), own.get("proj:transform"), geo.get("transform")):
        numbers = _numbers(value, 6, 9)
        if numbers and numbers[0] * numbers[4] - numbers[1] * numbers[3]:
            a, b, c, d, e, f = numbers[:6]
            if own.get("spatial:registration") == "node":
                c, f = c - (a + b) / 2, f - (d + e) / 2
            return _for_size((a, b, c, d, e, f), own.get("spatial:shape"), beside.size)
    numbers = _numbers(own.get("transform"), 6, 9)
    if numbers and numbers[0] * numbers[4] - numbers[1] * numbers[3]:
        a, b, c, d, e, f = numbers[:6]
        return a, b, c, d, e, f
    box = _numbers(own.get("spatial:bbox"), 4)
    if box and own.get("spatial:registration", "pixel") == "pixel":
        (left, bottom, right, top), (height, width) = box, beside.size
        return (right - left) / width, 0.0, left, 0.0, (bottom - top) / height, top
    return None


def _numbers(value: Any, *counts: int) -> tuple[float, ...] | None:
    """Return the numbers of a list, or of a text with spaces or commas between them."""
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    try:
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) in counts and all(map(math.isfinite, numbers)) else None


def _for_size(transform: Transform, shape: Any, size: tuple[int, int]) -> Transform:
    """Widen pixels where the transform is that of the full image and the array an overview."""
    whole = _numbers(shape, 2)
    if not whole or not all(whole):
        return transform
    return _widen(transform, whole[0] / size[0], whole[1] / size[1])


def _transform_of_centres(
    beside: Surroundings, crs: str | None, mapping: Mapping[str, Any], notes: list[str]
) -> Transform | None:
    """Return the transform that coordinates of evenly spaced pixel centres make."""
    axes = []
    for name, length in zip(beside.axes, beside.size, strict=True):
        found = beside.variable(name)
        if found is None or found.values.shape != (length,) or found.values.dtype.kind not in "iuf":
            return None
        if length < 2:
            notes.append(f"coordinates {name} have a single value and give no georeference")
            return None
        factor, summand = scaling(found.attributes)
        unit = _unit(found, crs, mapping)
        values = unit * (factor * found.values.astype(np.float64) + summand)
        if str(found.attributes.get("units", "")).lower() in _EAST:
            values = np.unwrap(values, period=360)
        step = (values[-1] - values[0]) / (length - 1)
        rounding = 4 * abs(unit * factor) * _spacing(found.values)
        strays = np.abs(values - (values[0] + step * np.arange(length)))
        # NaN is larger than nothing, so it has to be asked the other way round.
        if not (step and strays.max() <= max(_UNEVEN * abs(step), rounding)):
            notes.append(f"coordinates {name} are not evenly spaced and give no georeference")
            return None
        axes.append((values[0] - step / 2, step))
    (top, down), (left, right) = axes
    if down == right == 1 and {top, left} <= {-0.5, 0.0, 0.5}:
        return None  # they number the pixels, and tell no place
    return right, 0.0, left, 0.0, down, top


def _unit(found: Variable, crs: str | None, mapping: Mapping[str, Any]) -> float:
    """Return what coordinates are multiplied by to be those of the coordinate system."""
    units = str(found.attributes.get("units", "")).lower()
    if crs and units in _KILOMETRES:
        return _metres(crs)
    if units in _RADIANS and mapping.get("grid_mapping_name") == "geostationary":
        # PROJ wants angles of the scan times the height of the satellite.
        return float(mapping.get("perspective_point_height", 1.0))
    return 1.0


def _metres(crs: str) -> float:
    """Return how many units of a coordinate system a kilometre has."""
    system = CRS.from_wkt(crs)
    return 1000 / float(system.linear_units_factor[1]) if system.is_projected else 1.0


def _spacing(values: NDArray[Any]) -> float:
    """Return the distance of the largest value to the next number of its type."""
    if values.dtype.kind != "f":
        return 0.0
    return float(np.spacing(np.abs(values).max()))


def _in_degrees(beside: Surroundings) -> bool:
    units = [
        str(found.attributes.get("units", ""))
        for found in map(beside.variable, beside.axes)
        if found is not None
    ]
    return units == ["degrees_north", "degrees_east"]


def _settle(
    written: Transform | None,
    centres: Transform | None,
    size: tuple[int, int],
    notes: list[str],
) -> Transform | None:
    """Decide between the transform of attributes and that of coordinates."""
    if written is None or centres is None or written[1] or written[3]:
        return written or centres
    corners = np.array([[0, 0, 1], [size[1], size[0], 1]])
    first, second = (np.array(t).reshape(2, 3) @ corners.T for t in (written, centres))
    steps = np.array([[abs(written[0])], [abs(written[4])]])
    apart = float((np.abs(first - second) / steps).max())
    if apart <= 0.51:
        if apart > _UNEVEN:
            notes.append(f"coordinates lie {apart:.2g} pixels beside the transform, which is taken")
        return written
    notes.append(
        "the transform in its attributes is of another grid than its coordinates, which are taken"
    )
    return centres
