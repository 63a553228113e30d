"""Polygons of vector files on the grid of an image."""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["Polygons", "is_vector", "read_polygons"]

_VECTORS = {
    ".fgb", ".gdb", ".geojson", ".geojsonl", ".gml", ".gpkg", ".json", ".kml", ".parquet",
    ".shp", ".sqlite", ".tab",
}  # fmt: skip

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
            values: one for each polygon.
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


def is_vector(path: str | Path) -> bool:
    """Tell a vector file from a raster by its suffix."""
    return Path(path).suffix.lower() in _VECTORS


def read_polygons(
    path: Path, info: ImageInfo, *, layer: str | None = None, attribute: str | None = None
) -> tuple[Polygons, list[Any]]:
    """Read the polygons of a file that touch an image, in any coordinate system.

    Args:
        path: of the file, or folder of a geodatabase.
        info: of the image.
        layer: of the file; the first when None.
        attribute: to read along with the polygons.

    Returns:
        The polygons, and the attribute of each (empty when none was asked for).

    Raises:
        SourceError: the file cannot be read, lacks layer or attribute, or misses the image.
    """
    try:
        import pyogrio
        import shapely
    except ImportError as error:
        raise SourceError(
            f'polygons such as {path} need two more packages: pip install "tilesegm[vector]"'
        ) from error
    columns = [] if attribute is None else [attribute]
    try:
        meta, _, encoded, fields = pyogrio.raw.read(path, layer=layer or 0, columns=columns)
        if attribute is not None and not len(fields):
            known = ", ".join(pyogrio.read_info(path, layer=layer or 0)["fields"])
            raise SourceError(f"{path} has no attribute {attribute!r}; it has {known or 'none'}")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    shapes = shapely.from_wkb(encoded)
    if info.georeference.transform is None:
        raise SourceError(
            f"polygons of {path} cannot be placed: {info.uri} has no georeference; give a mask "
            "raster of the image's size instead"
        )
    flat = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    placed = _place(shapely.force_2d(shapes[flat]), meta["crs"], info)
    inside = shapely.intersects(placed, shapely.box(0, 0, info.width, info.height))
    if not inside.any():
        raise SourceError(
            f"{path} misses the image {info.uri}: none of its {len(shapes)} shapes is a polygon "
            "that touches it; check its coordinate system"
        )
    values = list(fields[0][flat][inside]) if columns else []
    return Polygons(placed[inside]), values


def _place(shapes: NDArray[Any], crs: str | None, info: ImageInfo) -> NDArray[Any]:
    """Lead shapes from the ground to the pixels of an image."""
    import shapely

    x, y = shapely.get_coordinates(shapes).T
    if crs and info.georeference.crs:
        x, y = map(np.array, rasterio.warp.transform(crs, info.georeference.crs, x, y))
    back = ~Affine(*(info.georeference.transform or ()))
    col, row = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    placed: NDArray[Any] = shapely.set_coordinates(shapes.copy(), np.column_stack([col, row]))
    return placed
