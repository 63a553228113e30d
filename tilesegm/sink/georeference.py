"""A georeference as CF attributes, the way GDAL, rioxarray and xarray read it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from tilesegm.source.base import Georeference

__all__ = ["cf_attributes", "pixel_centres"]


def cf_attributes(georeference: Georeference) -> dict[str, Any]:
    """Attributes of a ``spatial_ref`` variable; empty where the image lies nowhere."""
    attributes: dict[str, Any] = {}
    if georeference.crs is not None:
        wkt = CRS.from_user_input(georeference.crs).to_wkt()
        attributes |= {"crs_wkt": wkt, "spatial_ref": wkt}
    if georeference.transform is not None:
        a, b, c, d, e, f = georeference.transform
        attributes["GeoTransform"] = " ".join(repr(float(value)) for value in (c, a, b, f, d, e))
    return attributes


def pixel_centres(
    georeference: Georeference, size: tuple[int, int]
) -> dict[str, NDArray[np.float64]]:
    """Coordinates of rows ``y`` and columns ``x``; none if axes are rotated or unknown."""
    if georeference.transform is None:
        return {}
    a, b, c, d, e, f = georeference.transform
    if b or d:
        return {}
    height, width = size
    rows, cols = (np.arange(side, dtype=np.float64) + 0.5 for side in (height, width))
    return {"y": f + e * rows, "x": c + a * cols}
