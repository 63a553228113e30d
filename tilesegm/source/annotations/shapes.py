"""Shapes of annotation files, made from the numbers that the files hold: the one place for it.

Every function raises ValueError, or TypeError, where numbers are none, are not finite, or are too
few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ellipse", "line", "point", "points_of", "polygon", "rectangle", "turned_box"]

_QUARTER = 32
"""Corners of a quarter of a circle: of one of 100 pixels the edge is off by 0.03 pixels."""


def points_of(numbers: Any, least: int = 1) -> NDArray[np.float64]:
    """Return ``(n, 2)`` x and y of pairs, or of numbers in a row."""
    if not isinstance(numbers, Sequence) or isinstance(numbers, str):
        raise TypeError("no list of numbers")
    pairs = [each for each in numbers if isinstance(each, Sequence) and len(each) == 2]
    flat = [number for pair in pairs for number in pair] if len(pairs) == len(numbers) else numbers
    if not all(isinstance(each, int | float) for each in flat):
        raise TypeError("no numbers")
    points = np.array(flat, np.float64).reshape(-1, 2)
    if len(points) < least or not np.isfinite(points).all():
        raise ValueError("too few points, or no finite ones")
    return points


def polygon(*rings: Any) -> Any:
    """Return the union of rings, each a list of three points or more; not yet valid, perhaps."""
    import shapely

    parts = [shapely.Polygon(points_of(ring, 3)) for ring in rings]
    if not parts:
        raise ValueError("no ring")
    if len(parts) == 1:
        return parts[0]
    valid = [part if part.is_valid else shapely.make_valid(part) for part in parts]
    return shapely.union_all(valid)


def rectangle(numbers: Any) -> Any:
    """Return the box of two opposite corners, or the polygon of four."""
    import shapely

    points = points_of(numbers, 2)
    if len(points) == 2:
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return shapely.box(left, top, right, bottom)
    return shapely.Polygon(points)


def turned_box(
    corner: tuple[Any, Any], size: tuple[Any, Any], degrees: Any = 0, *, about_corner: bool = False
) -> Any:
    """Return a box that is turned clockwise about its middle, or about its upper left corner."""
    import shapely
    from shapely.affinity import rotate

    (left, top), (width, height) = points_of([*corner, *size])
    box = shapely.box(left, top, left + width, top + height)
    (angle,) = points_of([degrees, 0])[:, 0]
    origin = (left, top) if about_corner else "center"
    return rotate(box, angle, origin) if angle else box


def ellipse(middle: tuple[Any, Any], radii: tuple[Any, Any], degrees: Any = 0) -> Any:
    """Return an ellipse, turned clockwise about its middle, as a polygon of 128 corners."""
    import shapely
    from shapely.affinity import affine_transform

    (x, y), (across, along) = points_of([*middle, *radii])
    if min(across, along) <= 0:
        raise ValueError("no radius")
    (angle,) = np.radians(points_of([degrees, 0])[:, 0])
    cos, sin = math.cos(angle), math.sin(angle)
    circle = shapely.Point(0, 0).buffer(1, quad_segs=_QUARTER)
    return affine_transform(circle, [across * cos, -along * sin, across * sin, along * cos, x, y])


def line(numbers: Any) -> Any:
    """Return a line through two points or more."""
    import shapely

    return shapely.LineString(points_of(numbers, 2))


def point(numbers: Any) -> Any:
    """Return a point, or several."""
    import shapely

    points = points_of(numbers)
    return shapely.Point(points[0]) if len(points) == 1 else shapely.MultiPoint(points)
