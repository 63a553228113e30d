"""Points from one coordinate system to another, and what systems have in common."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.session import DummySession

from tilesegm.errors import SourceError
from tilesegm.source.vector.address import PIXELS

__all__ = ["DEGREES", "Points", "in_degrees", "parse_crs", "project", "turn"]

Points = NDArray[np.float64]
"""``(n, 2)`` x and y; infinite where a point has no place."""

DEGREES = "EPSG:4326"


@lru_cache(maxsize=256)
def parse_crs(text: str) -> CRS | None:
    """Return a coordinate system; None for one of a drawing that lies nowhere on Earth.

    Raises:
        SourceError: the text names none.
    """
    try:
        crs = CRS.from_user_input(text)
    except (CRSError, ValueError) as error:
        raise SourceError(
            f"crs={text!r} names no coordinate system; give one such as EPSG:32633"
        ) from error
    return None if crs.to_wkt().startswith(("LOCAL_CS", "ENGCRS", "ENGINEERINGCRS")) else crs


def in_degrees(crs: str | None) -> bool:
    """Tell whether coordinates are longitude and latitude."""
    known = None if crs in (None, PIXELS) else parse_crs(str(crs))
    return known is not None and bool(known.is_geographic)


def project(source: Any, target: Any, points: Points) -> Points:
    """Project points; those outside of the domain of a projection become infinite."""
    if not len(points):
        return points
    x, y = np.ascontiguousarray(points.T)
    try:
        with rasterio.Env(DummySession()):  # keys of a store are of no use, and take long to find
            projected = np.column_stack(rasterio.warp.transform(source, target, x, y))
    except (CPLE_BaseError, RasterioError):
        # One point that fails takes all others with it.
        if len(points) == 1:
            return np.full((1, 2), np.inf)
        middle = len(points) // 2
        halves = points[:middle], points[middle:]
        projected = np.concatenate([project(source, target, half) for half in halves])
    projected[~np.isfinite(projected).all(axis=1)] = np.inf
    return projected


@lru_cache(maxsize=256)
def turn(crs: str) -> float | None:
    """Return by how much x grows in a turn around the Earth.

    None where x is not a multiple of the longitude, as in all but degrees and Mercator's like.
    """
    edges = np.array([(-180.0, 0.0), (180.0, 0.0), (0.0, 0.0), (90.0, 50.0), (-90.0, 50.0)])
    (left, y), (right, other), (middle, _), (east, _), (west, _) = project(DEGREES, crs, edges)
    width = float(right - left)
    if not np.isfinite([width, east, west]).all():
        return None
    alike = np.allclose([y - other, right + left - 2 * middle], 0, atol=1e-6 * abs(width) + 1e-12)
    return width if width > 0 and alike and np.isclose(2 * (east - west), width) else None
