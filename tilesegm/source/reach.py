"""A box in the coordinate system of shapes, outside of which nothing touches an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.source.vector.shapes import parts_in

__all__ = ["Reach"]


@dataclass(frozen=True)
class Reach:
    """A box that holds an image, and what is to be added to x to come from there to the image."""

    left: float
    bottom: float
    right: float
    top: float
    shift: float = 0.0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top."""
        return self.left, self.bottom, self.right, self.top

    def touched_by(self, shapes: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell for each shape whether the box around it touches this one."""
        import shapely

        touched: NDArray[np.bool_] = self.meets(shapely.bounds(shapes).reshape(-1, 4).T)
        return touched

    def meets(self, bounds: Any) -> Any:
        """Tell whether boxes of left, bottom, right and top touch this one."""
        left, bottom, right, top = bounds
        aside = (left <= self.right) & (right >= self.left)
        return aside & (bottom <= self.top) & (top >= self.bottom)

    def clip(self, polygons: NDArray[Any]) -> NDArray[Any]:
        """Cut valid shapes at the box; None where nothing of their kind is left."""
        import shapely

        left, bottom, right, top = shapely.bounds(polygons).reshape(-1, 4).T
        out = (left < self.left) | (right > self.right) | (bottom < self.bottom) | (top > self.top)
        polygons = polygons.copy()
        cut = shapely.intersection(polygons[out], shapely.box(*self.bounds))
        kinds = shapely.get_dimensions(polygons[out])
        polygons[out] = np.array([*map(parts_in, cut, kinds), None], dtype=object)[:-1]
        return polygons
