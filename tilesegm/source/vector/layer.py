"""One layer of a vector file as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.source.vector.buffer import Buffer
from tilesegm.source.vector.listing import find_column
from tilesegm.source.vector.values import colours_of, plain_values

__all__ = ["VectorLayer"]


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no truth value
class VectorLayer:
    """Valid polygons of one layer of a vector file, in the coordinate system of the layer."""

    name: str
    crs: str | None
    """Name or WKT of the coordinate system, or ``pixels``; None where none is known."""
    polygons: NDArray[Any]
    """``(n,)`` flat shapely polygons and multipolygons; lines and points where they are asked
    for."""
    features: NDArray[np.int64]
    """``(n,)`` their numbers in the file."""
    attributes: Mapping[str, NDArray[Any]]
    """As they were read, one value per polygon."""

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each polygon, in squares of the coordinate system's unit."""
        import shapely

        areas: NDArray[np.float64] = shapely.area(self.polygons)
        return areas

    def areas_with(self, buffer: Buffer | None) -> NDArray[np.float64]:
        """Return the areas, those of lines and points with a buffer in the same unit."""
        import shapely

        if buffer is None:
            return self.areas
        thin = shapely.get_dimensions(self.polygons) < 2
        return np.where(
            thin, shapely.area(shapely.buffer(self.polygons, buffer.amount)), self.areas
        )

    def values(self, attribute: str) -> tuple[int | str | None, ...]:
        """Return an attribute as settings write it; None where a polygon has none."""
        if not len(self.polygons):
            return ()
        column, path = find_column(attribute, self.attributes) or (attribute, ())
        return plain_values(self.attributes[column], path)

    def colours(self, attribute: str) -> tuple[tuple[int, int, int] | None, ...]:
        """Return the colour that an attribute gives the class of each polygon, if it does."""
        if not len(self.polygons) or attribute not in self.attributes:
            return (None,) * len(self.polygons)
        return colours_of(self.attributes[attribute])
