"""Shapes as files hold them, made to polygons that can be drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["flat_shapes", "polygons_in", "repaired"]

Report = Callable[[str, NDArray[np.bool_]], None]
"""Takes what was done to shapes, and which of them it was done to."""

_COLLECTION = 7
_FARTHEST = 1e12
"""Coordinates beyond are no place on Earth in any unit."""


def flat_shapes(encoded: NDArray[Any], report: Report) -> NDArray[Any]:
    """Decode shapes; None in place of all that are no polygons.

    Args:
        encoded: ``(n,)`` WKB or None.
        report: told about shapes that are None in the result, and about rings that were closed.

    Returns:
        ``(n,)`` polygons, multipolygons and None, without Z; they may be invalid.
    """
    import shapely

    absent = np.array([wkb is None for wkb in encoded], bool)
    shapes = np.asarray(shapely.from_wkb(encoded, on_invalid="ignore"), dtype=object)
    broken = shapely.is_missing(shapes) & ~absent
    if broken.any():
        shapes[broken] = shapely.from_wkb(encoded[broken], on_invalid="fix")
    unreadable = broken & shapely.is_missing(shapes)
    absent |= shapely.is_empty(shapes)
    # Of a collection the greatest that it holds.
    dimension = shapely.get_dimensions(shapes)
    shapes[dimension != 2] = None
    for number in np.flatnonzero(shapely.get_type_id(shapes) == _COLLECTION):
        shapes[number] = polygons_in(shapes[number])
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    nowhere = np.zeros(len(shapes), bool)
    nowhere[owner[~(np.abs(xy) < _FARTHEST).all(axis=1)]] = True
    shapes[nowhere] = None
    report("open rings closed", broken & ~unreadable)
    report("features without a geometry left out", absent)
    report("geometries that cannot be read left out", unreadable)
    report("points left out", ~absent & (dimension == 0))
    report("lines left out", ~absent & (dimension == 1))
    report("polygons whose coordinates are no place left out", nowhere)
    flat: NDArray[Any] = shapely.force_2d(shapes)
    return flat


def repaired(polygons: NDArray[Any], report: Report) -> NDArray[Any]:
    """Make invalid polygons valid; None where nothing flat is left.

    A figure of eight becomes its two loops, and parts that overlap are joined.
    """
    import shapely

    polygons = polygons.copy()
    invalid = ~(shapely.is_valid(polygons) | shapely.is_missing(polygons))
    for number in np.flatnonzero(invalid):
        try:
            valid = shapely.make_valid(polygons[number], method="structure", keep_collapsed=False)
        except shapely.errors.GEOSException:
            valid = None
        polygons[number] = polygons_in(valid)
    lost = invalid & shapely.is_missing(polygons)
    report("invalid polygons repaired", invalid & ~lost)
    report("polygons without an area left out", lost)
    return polygons


def polygons_in(shape: Any) -> Any:
    """Return the polygons of any shape as one, or None."""
    import shapely

    parts = np.array([shape], dtype=object)
    while (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    flat = parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)]
    if len(flat) < 2:
        return flat[0] if len(flat) else None
    return shapely.MultiPolygon(list(flat))
