"""Polygons on the grid of an image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.features
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.gdal import without_place
from tilesegm.source.vector import VectorLayer, read_layer

__all__ = ["Polygons", "read_polygons"]

_STEPS = 256
"""Corners are rounded to this part of a pixel. Products of such numbers are exact in float64 at
the size of images, so that a pixel's centre on an edge falls to the same side in every window."""


class Polygons:
    """Polygons in the pixel coordinates of an image: x counts columns and y rows."""

    def __init__(self, shapes: Sequence[Any]) -> None:
        """Take shapely polygons or multipolygons; of overlapping ones the later lies above."""
        import shapely

        coordinates = shapely.get_coordinates(shapes)
        self._shapes = shapely.set_coordinates(
            np.array(shapes, dtype=object), np.round(coordinates * _STEPS) / _STEPS
        )
        self._tree = shapely.STRtree(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def burn(
        self, window: Window, values: NDArray[np.int32], *, fill: int, all_touched: bool = False
    ) -> NDArray[np.int32]:
        """Draw the polygons that touch ``window``.

        Args:
            window: of the image.
            values: one per polygon.
            fill: value outside of every polygon.
            all_touched: whether a polygon covers each pixel that it touches, or those whose centre
                it holds.

        Returns:
            ``(height, width)`` int32.
        """
        import shapely

        box = shapely.box(window.col, window.row, window.stop_col, window.stop_row)
        near = np.sort(self._tree.query(box))
        shape = (window.height, window.width)
        if not len(near):
            return np.full(shape, fill, np.int32)
        with without_place():
            burnt: NDArray[np.int32] = rasterio.features.rasterize(
                [(self._shapes[n], int(values[n])) for n in near],
                shape,
                fill=fill,
                transform=Affine.translation(window.col, window.row),
                all_touched=all_touched,
                dtype="int32",
            )
        return burnt


def read_polygons(
    path: str | Path, info: ImageInfo, *, layer: str | None = None, attribute: str | None = None
) -> tuple[Polygons, tuple[int | str | None, ...]]:
    """Read the polygons of a file that touch an image, in any coordinate system.

    Args:
        path: of the file, or folder of a geodatabase.
        info: of the image.
        layer: of the file; the first when None.
        attribute: to read along with the polygons.

    Returns:
        The polygons, and the attribute of each (empty when none was asked for).

    Raises:
        SourceError: see `tilesegm.source.vector.read_layer`; no polygon touches the image, or the
            image has no georeference.
    """
    import shapely

    vector = read_layer(path, layer=layer, attributes=[] if attribute is None else [attribute])
    if info.georeference.transform is None:
        raise SourceError(
            f"polygons of {path} cannot be placed: {info.uri} has no georeference; give a mask "
            "raster of the image's size instead"
        )
    placed = _place(vector, info)
    inside = shapely.intersects(placed, shapely.box(0, 0, info.width, info.height))
    if not inside.any():
        raise SourceError(
            f"{path} misses the image {info.uri}: none of its {len(placed)} polygons touches it; "
            "check its coordinate system"
        )
    values = () if attribute is None else vector.values(attribute)
    return Polygons(placed[inside]), tuple(compress(values, inside))


def _place(vector: VectorLayer, info: ImageInfo) -> NDArray[Any]:
    """Lead polygons from the ground to the pixels of an image."""
    import shapely

    x, y = shapely.get_coordinates(vector.polygons).T
    if vector.crs and info.georeference.crs:
        x, y = map(np.array, rasterio.warp.transform(vector.crs, info.georeference.crs, x, y))
    back = ~Affine(*(info.georeference.transform or ()))
    col, row = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    pixels = np.column_stack([col, row])
    placed: NDArray[Any] = shapely.set_coordinates(vector.polygons.copy(), pixels)
    return placed
