"""Shapes as files hold them, made to polygons that can be drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["decoded_shapes", "parts_in", "repaired", "usable_shapes"]

Report = Callable[[str, NDArray[np.bool_]], None]
"""Takes what was done to shapes, and which of them it was done to."""

_COLLECTION = 7
_FARTHEST = 1e12
"""Coordinates beyond are no place on Earth in any unit."""


def decoded_shapes(encoded: NDArray[Any], report: Report) -> NDArray[Any]:
    """Decode ``(n,)`` WKB or None; None where there is no geometry or it cannot be read.

    Args:
        encoded: ``(n,)`` WKB or None.
        report: told about shapes that are None in the result, and about rings that were closed.
    """
    import shapely

    absent = np.array([wkb is None for wkb in encoded], bool)
    shapes = np.asarray(shapely.from_wkb(encoded, on_invalid="ignore"), dtype=object)
    broken = shapely.is_missing(shapes) & ~absent
    if broken.any():
        shapes[broken] = shapely.from_wkb(encoded[broken], on_invalid="fix")
    unreadable = broken & shapely.is_missing(shapes)
    report("open rings closed", broken & ~unreadable)
    report("features without a geometry left out", absent | shapely.is_empty(shapes))
    report("geometries that cannot be read left out", unreadable)
    shapes[absent | shapely.is_empty(shapes)] = None
    return shapes


def usable_shapes(shapes: NDArray[Any], report: Report, *, thin: bool = False) -> NDArray[Any]:
    """Return shapes that can be drawn; None in place of all others.

    Args:
        shapes: ``(n,)`` of any kind, or None.
        report: told about shapes that are None in the result.
        thin: whether lines and points can be drawn too.

    Returns:
        ``(n,)`` polygons, multipolygons and None, without Z; they may be invalid.
    """
    import shapely

    shapes = shapes.copy()
    # Of a collection the greatest that it holds.
    dimension = shapely.get_dimensions(shapes)
    if not thin:
        shapes[dimension != 2] = None
    for number in np.flatnonzero(shapely.get_type_id(shapes) == _COLLECTION):
        shapes[number] = parts_in(shapes[number], int(dimension[number]))
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    nowhere = np.zeros(len(shapes), bool)
    nowhere[owner[~(np.abs(xy) < _FARTHEST).all(axis=1)]] = True
    shapes[nowhere] = None
    if not thin:
        report("points left out", dimension == 0)
        report("lines left out", dimension == 1)
    report("polygons whose coordinates are no place left out", nowhere)
    flat: NDArray[Any] = shapely.force_2d(shapes)
    return flat


def repaired(polygons: NDArray[Any], report: Report) -> NDArray[Any]:
    """Make invalid polygons valid; None where nothing flat is left.

    A figure of eight becomes its two loops, and parts that overlap are joined.
    """
    import shapely

    polygons = polygons.copy()
    invalid = (shapely.get_dimensions(polygons) == 2) & ~shapely.is_valid(polygons)
    for number in np.flatnonzero(invalid):
        try:
            valid = shapely.make_valid(polygons[number], method="structure", keep_collapsed=False)
        except shapely.errors.GEOSException:
            valid = None
        polygons[number] = parts_in(valid)
    lost = invalid & shapely.is_missing(polygons)
    report("invalid polygons repaired", invalid & ~lost)
    report("polygons without an area left out", lost)
    return polygons


def parts_in(shape: Any, dimension: int = 2) -> Any:
    """Return the polygons of any shape as one, or None; or its lines (1) or points (0)."""
    import shapely

    parts = np.array([shape], dtype=object)
    while (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    kept = parts[(shapely.get_dimensions(parts) == dimension) & ~shapely.is_empty(parts)]
    if len(kept) < 2:
        return kept[0] if len(kept) else None
    join = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[dimension]
    return join(list(kept))
