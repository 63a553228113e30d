"""How large a pixel is on the ground, or under the microscope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rasterio.crs import CRS

from tilesegm.source.base import Georeference
from tilesegm.source.projection import DEGREES, parse_crs, project

__all__ = ["PixelSize", "pixel_size_of"]

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

    @property
    def area(self) -> float:
        """Square metres."""
        return self.across * self.down


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
