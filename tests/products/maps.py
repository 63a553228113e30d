"""Small class maps, and their objects as other libraries find them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.features
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from tilesegm.products.class_map import ClassMap, MapOptions
from tilesegm.products.objects import Objects, find_objects
from tilesegm.products.polygons import trace_objects

NODATA = 0


def noise(seed: int, most: int = 40) -> NDArray[np.uint8]:
    """Random ids in pixels or small blocks, 0 for pixels without a class."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, most, 2)
    kinds = rng.integers(1, 4)
    ids = rng.integers(0, kinds + 1, (height, width)).astype(np.uint8)
    return np.kron(ids, np.ones((2, 3), np.uint8)) if seed % 2 else ids


def cut_small(monkeypatch: pytest.MonkeyPatch, width: int, rows: int) -> None:
    """Read maps in strips of a few rows."""
    monkeypatch.setattr("tilesegm.products.class_map._STRIP", rows * width)


def open_ids(ids: Any) -> ClassMap:
    return ClassMap(ids, MapOptions(nodata=NODATA))


def traced(ids: Any, path: Path, *, nodes: bool = False) -> tuple[Objects, NDArray[Any]]:
    """Objects of a map, and their polygons in pixel coordinates."""
    with open_ids(ids) as class_map:
        objects = find_objects(class_map, borders=True)
        outlines = trace_objects(class_map, objects, path, nodes=nodes)
        shapes = [each for _, each in outlines.batches()]
    return objects, np.concatenate([np.zeros(0, object), *shapes])


def whole(ids: NDArray[Any]) -> list[tuple[int, bytes]]:
    """Class and normalised outline of each object, by GDAL on the whole map."""
    found = rasterio.features.shapes(ids, mask=ids != NODATA, connectivity=4)
    return sorted((int(value), shapely.to_wkb(shapely.normalize(shape(o)))) for o, value in found)


def listed(ids: Any, shapes: NDArray[Any]) -> list[tuple[int, bytes]]:
    """The same of polygons of ours."""
    outlines = shapely.to_wkb(shapely.normalize(shapes))
    return sorted(zip(np.asarray(ids).tolist(), outlines, strict=True))
