"""Settings and small files for tests of labels and scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine

from tilesegm.data.settings import ClassSettings, LabelSettings
from tilesegm.source.base import Georeference, ImageInfo

TRANSFORM = Affine(10, 0, 500_000, 0, -10, 5_000_000)
UTM = "EPSG:32633"


def classes(*values: Any, **settings: Any) -> LabelSettings:
    """One class for each value; a tuple joins several."""
    listed = tuple(ClassSettings(f"class {n}", value) for n, value in enumerate(values))
    return LabelSettings(listed, **settings)


def image_info(height: int, width: int, transform: Affine | None = TRANSFORM) -> ImageInfo:
    """An image of that size."""
    wkt = rasterio.crs.CRS.from_string(UTM).to_wkt()
    place = Georeference(wkt, tuple(transform)[:6]) if transform else Georeference()
    dtype = np.dtype("uint8")
    return ImageInfo("image.tif", "GTiff", height, width, 3, dtype, (8, 8), georeference=place)


def write_polygons(
    path: Path, shapes: list[Any], values: list[Any] | None = None, *, crs: str = UTM
) -> Path:
    """Write polygons that are given in pixels of an image at ``TRANSFORM`` in another system."""
    pixels = shapely.get_coordinates(shapes)
    x = TRANSFORM.c + TRANSFORM.a * pixels[:, 0]
    y = TRANSFORM.f + TRANSFORM.e * pixels[:, 1]
    ground = np.column_stack(rasterio.warp.transform(UTM, crs, x, y))
    placed = shapely.set_coordinates(np.array(shapes, dtype=object), ground)
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for shape in placed], dtype=object),
        field_data=[] if values is None else [np.array(values)],
        fields=np.array([] if values is None else ["kind"]),
        crs=crs,
        geometry_type="Polygon",
        driver={".gpkg": "GPKG", ".shp": "ESRI Shapefile"}[path.suffix],
    )
    return path
