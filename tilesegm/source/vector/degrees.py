"""Coordinates that are said to be degrees and cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.source.vector.shapes import Report

__all__ = ["Extent", "are_degrees", "refuse_no_degrees", "without_no_degrees"]

Extent = tuple[float, float, float, float]
"""Left, bottom, right and top."""

_MOST_DEGREES = (720.0, 90.001)


def are_degrees(extent: Extent) -> bool:
    """Tell whether coordinates can be degrees."""
    return not _beyond(np.array([extent])).any()


def refuse_no_degrees(path: Path, extent: Extent) -> None:
    """Refuse coordinates that are said to be degrees and cannot be.

    Raises:
        SourceError: they reach far beyond the poles, or around the Earth and more.
    """
    if not are_degrees(extent):
        raise SourceError(
            f"{path}: coordinates from {extent[0]:g}, {extent[1]:g} to {extent[2]:g}, "
            f"{extent[3]:g} are no degrees; state the coordinate system that they have: "
            f"{path}|crs=EPSG:CODE"
        )


def without_no_degrees(shapes: NDArray[Any], report: Report) -> NDArray[Any]:
    """Leave out polygons that lie beyond the poles, unless all do."""
    import shapely

    beyond = _beyond(shapely.bounds(shapes).reshape(-1, 4))
    if beyond.sum() == (~shapely.is_missing(shapes)).sum():
        return shapes
    shapes = shapes.copy()
    report("polygons whose coordinates are no degrees left out", beyond)
    shapes[beyond] = None
    return shapes


def _beyond(extents: NDArray[np.float64]) -> NDArray[np.bool_]:
    x, y = _MOST_DEGREES
    return np.asarray((np.abs(extents) > (x, y, x, y)).any(axis=1), bool)
