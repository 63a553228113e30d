"""The layers of a vector file, before any is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tilesegm.errors import SourceError
from tilesegm.source.projection import parse_crs
from tilesegm.source.vector.address import PIXELS, VectorAddress
from tilesegm.source.vector.calls import vector_calls
from tilesegm.source.vector.degrees import Extent
from tilesegm.source.vector.feature_array import collected

__all__ = ["ListedLayer", "file_state", "find_column", "layer_extents", "list_layers"]

_FLAT = ("Polygon", "Surface", "Collection", "Unknown", "TIN", "Triangle")
"""Parts of the names of geometry types that may be polygons."""


@dataclass(frozen=True)
class ListedLayer:
    """A layer, by what GDAL opens."""

    dataset: str
    name: str
    kind: str | None
    """Type of its geometries; None for a table."""
    stated_crs: str | None
    """In place of that of the file."""

    @property
    def unfit(self) -> str:
        """Why it can hold no polygon; empty where it may."""
        if self.kind is None:
            return "is a table without geometries"
        if any(word in self.kind for word in _FLAT):
            return ""
        return f"holds {'lines' if 'Line' in self.kind or 'Curve' in self.kind else 'points'}"

    def info(self, *, with_bounds: bool = False) -> dict[str, Any]:
        """Return what pyogrio knows of the layer, its coordinate system as stated."""
        info = _info(self.dataset, self.name, with_bounds, file_state(self.dataset))
        crs = self.stated_crs or (PIXELS if _of_qupath(info) else info["crs"])
        return info | {"crs": crs if crs in (None, PIXELS) or parse_crs(crs) else None}


def list_layers(address: VectorAddress) -> list[ListedLayer]:
    """Return all layers, or the one that is stated.

    Raises:
        SourceError: there is no such layer.
    """
    listed = [
        ListedLayer(dataset, name, kind, address.crs)
        for dataset in address.datasets()
        for name, kind in _layers(dataset, file_state(dataset))
    ]
    if address.layer is None:
        return listed
    chosen = [entry for entry in listed if entry.name == address.layer]
    if not chosen:
        names = ", ".join(entry.name for entry in listed) or "none"
        raise SourceError(
            f"{address.path} cannot be read: it has no layer {address.layer!r}, but {names}"
        )
    return chosen


def layer_extents(address: VectorAddress) -> list[tuple[str | None, Extent]]:
    """Return the coordinate system and the extent of each layer that has features."""
    extents: list[tuple[str | None, Extent]] = []
    with vector_calls(address.path):
        for entry in list_layers(address):
            if entry.unfit:
                continue
            info = entry.info(with_bounds=True)
            bounds = info["total_bounds"]
            if bounds is not None and np.isfinite(bounds).all():
                left, bottom, right, top = map(float, bounds)
                extents.append((info["crs"], (left, bottom, right, top)))
    return extents


def file_state(dataset: str) -> Any:
    """Return what differs when a file was changed."""
    path = Path(dataset.partition("{")[2].partition("}")[0] or dataset)
    if not path.exists():
        return None
    state = path.stat()
    return state.st_size, state.st_mtime_ns


# GeoJSON and KML are parsed whole for every question: once for many images.
@lru_cache(maxsize=64)
def _layers(dataset: str, state: Any) -> tuple[tuple[str, str | None], ...]:
    import pyogrio

    opened = collected(dataset, state)
    return tuple((str(name), kind) for name, kind in pyogrio.list_layers(opened))


@lru_cache(maxsize=64)
def _info(dataset: str, layer: str, with_bounds: bool, state: Any) -> dict[str, Any]:
    import pyogrio

    opened = collected(dataset, state)
    info: dict[str, Any] = pyogrio.read_info(opened, layer=layer, force_total_bounds=with_bounds)
    return info


def _of_qupath(info: dict[str, Any]) -> bool:
    """Tell GeoJSON of QuPath, which counts pixels, and for want of a word claims to be degrees."""
    fields = set(info["fields"])
    known = "objectType" in fields or {"classification", "isLocked"} <= fields
    return known and info["driver"] == "GeoJSON"


def find_column(attribute: str, fields: Iterable[str]) -> tuple[str, tuple[str, ...]] | None:
    """Return the column of an attribute, and the keys that lead to it in JSON objects."""
    fields = list(fields)
    if attribute in fields:
        return attribute, ()
    column, *path = attribute.split(".")
    return (column, tuple(path)) if path and column in fields else None
