"""How large a pixel is on the ground, or under the microscope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from tilesegm.source.base import Georeference
from tilesegm.source.projection import DEGREES, parse_crs, project, turn

__all__ = ["PixelSize", "RowAreas", "pixel_size_of"]

_AXIS, _FLATTENING = 6_378_137.0, 1 / 298.257223563
"""WGS 84, in metres."""
_STEP = 1e-3
"""Part of a side over which a size is measured, so that it is that of one place."""


@dataclass(frozen=True)
class PixelSize:
    """Size of a pixel in the middle of a raster, in metres."""

    across: float
    down: float
    varies: float = 1.0
    """Size across at the edge where it is largest, over that where it is smallest."""
    microscope: bool = False
    """Whether it is of a slide, whose lengths are told in micrometres."""


def pixel_size_of(place: Georeference, height: int, width: int) -> PixelSize | None:
    """Measure a pixel; None where the raster does not tell its size.

    On the ground lengths are geodesic, in degrees and in projections that stretch them alike: of
    Web Mercator a pixel of 10 m is told as the 6.4 m that it covers at 50 degrees north.

    Args:
        place: of the raster.
        height: of the raster.
        width: of the raster.
    """
    if place.pixel_size is not None and place.transform is None:
        down, across = (length * 1e-6 for length in place.pixel_size)
        return PixelSize(across, down, microscope=True)
    if place.transform is None or place.crs is None:
        return None
    crs = parse_crs(place.crs)
    if crs is None:
        return None
    along = (0.0, max(1.0, _STEP * width))
    across, *edges = (
        _length(place.transform, crs, (row, width / 2), along)
        for row in (height / 2, 0.0, float(height))
    )
    middle = height / 2, width / 2
    down = _length(place.transform, crs, middle, (max(1.0, _STEP * height), 0.0))
    if not (math.isfinite(across * down) and across * down > 0):
        return _plane(place, crs)
    sizes = [size for size in (across, *edges) if math.isfinite(size) and size > 0]
    return PixelSize(across, down, max(sizes) / min(sizes))


@dataclass(frozen=True)
class RowAreas:
    """How large the pixels of each row are."""

    unit: Literal["m2", "um2", "px"]
    """On the ground, on a slide, or in pixels where the raster does not tell their size."""
    rows: NDArray[np.float64]
    """``(height,)``: area of a pixel, in ``unit``."""
    how: str
    """How areas are found, in words."""

    @classmethod
    def of(cls, place: Georeference, height: int) -> Self:
        """Measure the pixels of a raster; areas of Web Mercator are those on the ground."""
        ones = np.ones(height)
        if place.transform is not None and place.crs is not None:
            crs = parse_crs(place.crs)
            a, b, _, d, e, f = place.transform
            around = None if crs is None else turn(place.crs)
            if crs is not None and around is None and crs.is_projected:
                each = abs(a * e - b * d) * float(crs.linear_units_factor[1]) ** 2
                return cls("m2", ones * each, "in the plane of the map's projection")
            if around is not None and not (b or d):
                edges = np.column_stack([np.zeros(height + 1), f + e * np.arange(height + 1)])
                latitudes = project(place.crs, DEGREES, edges)[:, 1]
                zones = np.abs(np.diff(_zone(np.clip(latitudes, -90, 90))))
                how = "on the ellipsoid of WGS 84, row by row"
                return cls("m2", zones * math.tau * abs(a) / around, how)
        if place.pixel_size is not None:
            down, across = place.pixel_size
            return cls("um2", ones * down * across, "by the size of pixels that the slide tells")
        return cls("px", ones, f"in pixels: {_why_unknown(place)}")


def _zone(latitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area from the equator to latitudes, in m² per radian of longitude.

    Snyder: Map Projections, a Working Manual (1987), equation 3-12, times half the axis squared.
    """
    squared = _FLATTENING * (2 - _FLATTENING)
    sines = math.sqrt(squared) * np.sin(np.radians(latitudes))
    q = sines / (1 - sines**2) + np.arctanh(sines)
    return np.asarray(_AXIS**2 * (1 - squared) / (2 * math.sqrt(squared)) * q)


def _why_unknown(place: Georeference) -> str:
    """Say why the pixels of a raster have no known size."""
    if place.transform is None and (place.gcps or place.rpcs):
        return "control points alone tell where the map lies; gdalwarp makes a grid of it"
    crs = parse_crs(place.crs) if place.transform is not None and place.crs is not None else None
    if crs is None:
        return "the map does not tell their size"
    if turn(crs.to_wkt()) is not None:
        return "rows of the map run across latitudes; gdalwarp turns it north up"
    return "the map's coordinates are no metres nor degrees from Greenwich; gdalwarp changes them"


def _plane(place: Georeference, crs: CRS) -> PixelSize | None:
    """Take the unit of a projection whose points lie on no known Earth."""
    if not crs.is_projected or place.transform is None:
        return None
    a, b, _, d, e, _ = place.transform
    unit = float(crs.linear_units_factor[1])
    return PixelSize(math.hypot(a, d) * unit, math.hypot(b, e) * unit)


def _length(
    transform: Sequence[float], crs: CRS, at: tuple[float, float], step: tuple[float, float]
) -> float:
    """Return metres per pixel along a step of rows and columns around a place."""
    a, b, c, d, e, f = transform
    rows, cols = (
        np.array([centre - part / 2, centre + part / 2])
        for centre, part in zip(at, step, strict=True)
    )
    points = np.column_stack([a * cols + b * rows + c, d * cols + e * rows + f])
    (lon, lat), (other_lon, other_lat) = project(crs, DEGREES, points)
    if not np.isfinite([lon, lat, other_lon, other_lat]).all():
        return math.inf
    middle = math.radians((lat + other_lat) / 2)
    turned = math.radians((other_lon - lon + 180) % 360 - 180)
    eccentricity = _FLATTENING * (2 - _FLATTENING)
    curved = 1 - eccentricity * math.sin(middle) ** 2
    east = _AXIS / math.sqrt(curved) * math.cos(middle) * turned
    north = _AXIS * (1 - eccentricity) / curved**1.5 * math.radians(other_lat - lat)
    return math.hypot(east, north) / sum(step)
