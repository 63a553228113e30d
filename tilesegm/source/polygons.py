"""Polygons on the grid of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.footprint import Footprint
from tilesegm.source.gdal import without_place
from tilesegm.source.vector.address import PIXELS, VectorAddress
from tilesegm.source.vector.calls import vector_calls
from tilesegm.source.vector.layers import read_layers
from tilesegm.source.vector.miss import explain_miss
from tilesegm.source.vector.reading import Reading

__all__ = ["PlacedPolygons", "Polygons", "read_polygons"]

_STEPS = 256
"""Corners are rounded to this part of a pixel. Products of such numbers are exact in float64 at
the size of images, so that a pixel's centre on an edge falls to the same side in every window."""


class Polygons:
    """Polygons in the pixel coordinates of an image: x counts columns and y rows."""

    def __init__(self, shapes: Sequence[Any] | NDArray[Any]) -> None:
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


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class PlacedPolygons:
    """Polygons of a file that touch an image, perhaps none."""

    polygons: Polygons
    values: tuple[int | str | None, ...]
    """Attribute of each; empty where none was asked for."""
    features: tuple[tuple[str, int], ...]
    """Layer and number of each."""
    reading: Reading
    """What is to be told of the file."""


def read_polygons(
    address: VectorAddress, info: ImageInfo, *, attribute: str | None = None
) -> PlacedPolygons:
    """Read the polygons of a file that touch an image, in any coordinate system.

    Args:
        address: of the file, with a layer or a coordinate system where these are stated.
        info: of the image.
        attribute: to read along with the polygons.

    Raises:
        SourceError: see `tilesegm.source.vector.read_layers`; the image has no georeference; or
            no polygon touches it, and the file is wrong.
    """
    import shapely

    if info.georeference.transform is None and address.crs != PIXELS:
        raise SourceError(
            f"polygons of {address.path} cannot be placed: {info.uri} has no georeference; give a "
            f"mask raster of the image's size instead, or say that coordinates count its pixels: "
            f"{address.path}|crs={PIXELS}"
        )
    footprint = lru_cache(lambda crs: Footprint(info, crs))
    attributes = [] if attribute is None else [attribute]
    layers, reading = read_layers(
        address, attributes=attributes, within=lambda crs: footprint(crs).reaches
    )
    shapes: list[NDArray[Any]] = []
    values: list[int | str | None] = []
    features: list[tuple[str, int]] = []
    whole = shapely.box(0, 0, info.width, info.height)
    with vector_calls(address.path):
        for layer in layers:
            placed, origins = footprint(layer.crs).place(layer.polygons, layer.features)
            inside = shapely.intersects(placed, whole)
            shapes.append(placed[inside])
            numbers = layer.features[origins[inside]].tolist()
            features += [(layer.name, number) for number in numbers]
            if attribute is not None:
                known = layer.values(attribute)
                values += [known[origin] for origin in origins[inside]]
    found = np.concatenate(shapes)
    elsewhere = "" if len(found) else explain_miss(address, info, footprint, reading)
    reading = replace(
        reading,
        image=info.uri,
        without_crs=reading.without_crs and info.georeference.crs is not None,
        touching=len(found),
        elsewhere=elsewhere,
    )
    return PlacedPolygons(Polygons(found), tuple(values), tuple(features), reading)
