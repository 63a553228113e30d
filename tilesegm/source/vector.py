"""Vector files: the one place that reads them, for labels, areas and `train init`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError

__all__ = ["VectorLayer", "is_vector", "read_layer"]

_SUFFIXES = {
    ".fgb", ".gdb", ".geojson", ".geojsonl", ".gml", ".gpkg", ".json", ".kml", ".parquet",
    ".shp", ".sqlite", ".tab",
}  # fmt: skip

_POLYGON, _MULTIPOLYGON = 3, 6
"""Numbers of shapely's types."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class VectorLayer:
    """Polygons of one layer of a vector file, in the coordinate system of the file."""

    crs: str | None
    """Name or WKT of the coordinate system; None where the file has none."""
    polygons: NDArray[Any]
    """Flat shapely polygons and multipolygons."""
    attributes: Mapping[str, NDArray[Any]]
    """As they were read, one value per polygon."""

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each polygon, in squares of the coordinate system's unit."""
        import shapely

        areas: NDArray[np.float64] = shapely.area(self.polygons)
        return areas

    def values(self, attribute: str) -> tuple[int | str | None, ...]:
        """Return an attribute as settings write it; None where a polygon has none."""
        return tuple(map(_plain, self.attributes[attribute].tolist()))


def is_vector(path: str | Path) -> bool:
    """Tell a vector file from a raster by its suffix."""
    return Path(path).suffix.lower() in _SUFFIXES


def read_layer(
    path: str | Path, *, layer: str | None = None, attributes: Sequence[str] | None = None
) -> VectorLayer:
    """Read the polygons of a layer; shapes of other types are left out.

    Args:
        path: of the file, or folder of a geodatabase.
        layer: its name; the first of the file when None.
        attributes: to read along with the polygons; all when None.

    Raises:
        SourceError: a package is missing, the file cannot be read, or it lacks the layer, an
            attribute or any polygon.
    """
    try:
        import pyogrio
        import shapely
    except ImportError as error:
        raise SourceError(
            f'polygons such as {path} need two more packages: pip install "tilesegm[vector]"'
        ) from error
    try:
        meta, _, encoded, columns = pyogrio.raw.read(path, layer=layer or 0, columns=attributes)
        fields = dict(zip(meta["fields"], columns, strict=True))
        for name in attributes or ():
            if name not in fields:
                names = ", ".join(pyogrio.read_info(path, layer=layer or 0)["fields"])
                raise SourceError(f"{path} has no attribute {name!r}; it has {names or 'none'}")
        shapes = shapely.from_wkb([] if encoded is None else encoded)
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        shapely.errors.ShapelyError,
    ) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    flat = np.isin(shapely.get_type_id(shapes), (_POLYGON, _MULTIPOLYGON))
    flat &= ~shapely.is_empty(shapes)
    if not flat.any():
        raise SourceError(
            f"{path} holds no polygon, but {len(shapes)} other shapes; draw polygons, or name the "
            "layer that has them"
        )
    return VectorLayer(
        crs=meta["crs"],
        polygons=shapely.force_2d(shapes[flat]),
        attributes={name: values[flat] for name, values in fields.items()},
    )


def _plain(value: Any) -> int | str | None:
    if isinstance(value, int | float):
        if math.isnan(value):
            return None
        return int(value) if float(value).is_integer() else str(value)
    return None if value is None else str(value)
