"""Polygons with their attributes, as formats write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.products.objects import Objects
from tilesegm.source.base import ImageInfo

__all__ = ["PolygonBatch", "PolygonTable", "Shapes", "attributes_of", "placed"]

Shapes = Callable[[], Iterator[tuple[slice, NDArray[Any]]]]
"""Gives polygons in pixel coordinates, some after the other, and which of the objects they are."""


@dataclass(frozen=True)
class PolygonBatch:
    """Some polygons."""

    shapes: NDArray[Any]
    """Shapely polygons in pixel coordinates: x counts columns, y rows."""
    columns: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class PolygonTable:
    """All polygons of a map."""

    info: ImageInfo
    classes: tuple[ClassInfo, ...]
    """By id."""
    attributes: Mapping[str, NDArray[Any]]
    """Columns of numbers, one per polygon."""
    shapes: Shapes

    @property
    def used(self) -> list[tuple[int, ClassInfo]]:
        """Ids and classes that polygons have."""
        ids = np.unique(self.attributes["class_id"]).tolist()
        return [(number, self.classes[number]) for number in ids]

    def batches(self) -> Iterator[PolygonBatch]:
        """Go through the polygons in the order of their numbers."""
        names = np.array([one.name for one in self.classes], object)
        for part, shapes in self.shapes():
            columns = {name: values[part] for name, values in self.attributes.items()}
            ids = columns["class_id"]
            yield PolygonBatch(shapes, {**columns, "class": names[ids]})


def attributes_of(objects: Objects, unit: str) -> dict[str, NDArray[Any]]:
    """Return what is told of each object, in columns."""
    columns: dict[str, NDArray[Any]] = {
        "id": np.arange(1, len(objects) + 1),
        "class_id": objects.ids.astype(np.int64),
        "pixels": objects.pixels,
    }
    if unit != "px":
        columns[f"area_{unit}"] = objects.area
    confidence = objects.mean_confidence
    if confidence is not None:
        columns["confidence"] = confidence
    return columns


def placed(shapes: NDArray[Any], info: ImageInfo) -> NDArray[Any]:
    """Put polygons in pixel coordinates where they lie, outer rings counterclockwise there.

    Without a transform they count the pixels of the image, as files of labels do.
    """
    import shapely

    rows, cols = info.original or (info.height, info.width)
    pixels = (cols / info.width, 0.0, 0.0, 0.0, rows / info.height, 0.0)
    a, b, c, d, e, f = info.georeference.transform or pixels

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    there = shapely.transform(shapes, place)
    return np.asarray(shapely.reverse(there) if a * e - b * d > 0 else there)
