"""Polygons on the grid of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
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
from tilesegm.source.vector.buffer import Buffer
from tilesegm.source.vector.calls import vector_calls
from tilesegm.source.vector.layers import read_layers
from tilesegm.source.vector.miss import explain_miss
from tilesegm.source.vector.pixels import in_pixels, may_count_pixels
from tilesegm.source.vector.reading import CUT_OFF, OUTSIDE, Reading
from tilesegm.source.vector.shapes import parts_in

__all__ = ["PlacedPolygons", "Polygons", "read_polygons"]

_FAR = 2**20
"""Pixels from an image, beyond which polygons are cut off: GDAL draws nothing of those that reach
where 32-bit numbers end."""
_STEPS = 256
"""Corners are rounded to this part of a pixel. Products of such numbers are exact in float64 at
the size of images, so that a pixel's centre on an edge falls to the same side in every window."""


_BLOCK = 512
"""Side of the blocks in which pixels that polygons touch are drawn: GDAL takes an edge through the
corner of a pixel for one or the other side by where the drawing begins, so it begins where it did
for every other window."""


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

    def take(self, which: NDArray[np.bool_]) -> Polygons:
        """Return some of the polygons, by a mask."""
        return Polygons(self._shapes[which])

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
        if not all_touched:
            return self._draw(window, values, fill)
        burnt = np.empty((window.height, window.width), np.int32)
        rows, cols = (
            range(start // _BLOCK * _BLOCK, stop, _BLOCK)
            for start, stop in ((window.row, window.stop_row), (window.col, window.stop_col))
        )
        for row, col in product(rows, cols):
            block = Window(row, col, _BLOCK, _BLOCK)
            shared = block.intersect(window)
            assert shared is not None
            drawn = self._draw(block, values, fill, all_touched=True)
            burnt[shared.shift(-window.row, -window.col).slices] = drawn[
                shared.shift(-row, -col).slices
            ]
        return burnt

    def _draw(
        self, window: Window, values: NDArray[np.int32], fill: int, *, all_touched: bool = False
    ) -> NDArray[np.int32]:
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
    address: VectorAddress,
    info: ImageInfo,
    *,
    attribute: str | None = None,
    buffer: Buffer | None = None,
) -> PlacedPolygons:
    """Read the polygons of a file that touch an image, in any coordinate system.

    Args:
        address: of the file, with a layer or a coordinate system where these are stated.
        info: of the image.
        attribute: to read along with the polygons.
        buffer: by which lines and points become polygons; without it they are left out.

    Raises:
        SourceError: see `tilesegm.source.vector.read_layers`; the image has no georeference; or
            no polygon touches it, and the file is wrong.
    """
    if info.georeference.transform is None and not in_pixels(address):
        if not may_count_pixels(address):
            raise SourceError(
                f"polygons of {address.path} cannot be placed: {info.uri} has no georeference; "
                "give a mask raster of the image's size instead, or say that coordinates count "
                f"its pixels: {address.path}|crs={PIXELS}"
            )
        address = replace(address, crs=PIXELS)
        why = "since neither the file nor the image says where it lies"
    else:
        why = ""
    reader = _Reader(address, info, attribute, buffer)
    # Files count the pixels of the image as it is stored.
    rows, cols = info.original or (info.height, info.width)
    down, across = rows / info.height / address.scale, cols / info.width / address.scale
    placed = reader.read(Affine.scale(across, down))
    if not len(placed.polygons) and in_pixels(address) and not placed.reading.empty:
        # Programs for maps count the rows of an image without a place from 0 downwards.
        turned = reader.read(Affine.scale(across, -down))
        if len(turned.polygons):
            placed, why = turned, "its rows by negative numbers"
    if why:
        placed = replace(placed, reading=replace(placed.reading, pixels=why))
    return placed


@dataclass(frozen=True)
class _Reader:
    """What is read for an image."""

    address: VectorAddress
    info: ImageInfo
    attribute: str | None
    buffer: Buffer | None

    def read(self, pixels: Affine) -> PlacedPolygons:
        """Read the polygons that touch the image.

        Args:
            pixels: from pixels of the image to the coordinates of shapes that count pixels.
        """
        import shapely

        address, info, buffer = self.address, self.info, self.buffer
        with vector_calls(address.path):
            margin = buffer.reach(info) if buffer else 0.0
        footprint = lru_cache(lambda crs: Footprint(info, crs, pixels=pixels, margin=margin))
        layers, reading = read_layers(
            address,
            attributes=[] if self.attribute is None else [self.attribute],
            within=lambda crs: footprint(crs).reaches,
            image=info,
            thin=buffer is not None,
        )
        shapes: list[NDArray[Any]] = []
        values: list[int | str | None] = []
        features: list[tuple[str, int]] = []
        outside: set[tuple[str, int]] = set()
        cut: set[tuple[str, int]] = set()
        whole = shapely.box(0, 0, info.width, info.height)
        with vector_calls(address.path):
            for layer in layers:
                placed, origins = footprint(layer.crs).place(layer.polygons, layer.features)
                over = _beyond(placed, info)
                placed = _near(buffer.drawn(placed, info) if buffer else placed, info)
                inside = shapely.intersects(placed, whole)
                shapes.append(placed[inside])
                numbers = layer.features[origins[inside]].tolist()
                features += [(layer.name, number) for number in numbers]
                if layer.crs == PIXELS:
                    missed = np.setdiff1d(layer.features, layer.features[origins[inside]])
                    outside |= {(layer.name, number) for number in missed.tolist()}
                    reaching = layer.features[origins[inside & over]]
                    cut |= {(layer.name, number) for number in reaching.tolist()}
                if self.attribute is not None:
                    known = layer.values(self.attribute)
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
        outside |= reading.findings.get(OUTSIDE, frozenset())
        reading = reading.adding(OUTSIDE, outside).adding(CUT_OFF, cut)
        return PlacedPolygons(Polygons(found), tuple(values), tuple(features), reading)


def _beyond(shapes: NDArray[Any], info: ImageInfo) -> NDArray[np.bool_]:
    """Tell which shapes reach beyond the image by more than a pixel, as no hand is steadier."""
    import shapely

    bounds = shapely.bounds(shapes).reshape(-1, 4)
    far = np.array([info.width + 1, info.height + 1])
    beyond: NDArray[np.bool_] = (bounds[:, :2] < -1).any(1) | (bounds[:, 2:] > far).any(1)
    return beyond


def _near(shapes: NDArray[Any], info: ImageInfo) -> NDArray[Any]:
    """Cut valid polygons off far from the image."""
    import shapely

    box = (-_FAR, -_FAR, info.width + _FAR, info.height + _FAR)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    far = (bounds[:, :2] < box[:2]).any(axis=1) | (bounds[:, 2:] > box[2:]).any(axis=1)
    if not far.any():
        return shapes
    shapes = shapes.copy()
    cut = shapely.intersection(shapes[far], shapely.box(*box))
    shapes[far] = np.array([*map(parts_in, cut), None], dtype=object)[:-1]
    return shapes
