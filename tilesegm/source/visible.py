"""The part of a coordinate system that the projection of an image shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import rasterio.features
import rasterio.warp
from affine import Affine

from tilesegm.source.base import ImageInfo
from tilesegm.source.reach import Reach

__all__ = ["visible"]

_CELLS = 512
"""Cells along each side of a box."""


def visible(reach: Reach, crs: Any, info: ImageInfo) -> Any:
    """Return the part of a box that can be projected to an image, less the rim of a cell.

    Args:
        reach: the box.
        crs: coordinate system of the box.
        info: of the image.

    Returns:
        A shapely polygon or multipolygon.
    """
    import shapely

    width, height = (reach.right - reach.left) / _CELLS, (reach.top - reach.bottom) / _CELLS
    rows, cols = info.height, info.width
    # A little more than the image; GDAL's warper leaves out what cannot be projected.
    wide = Affine(*(info.georeference.transform or ())) @ Affine.translation(-cols / 16, -rows / 16)
    nodes = np.zeros((_CELLS + 1, _CELLS + 1), np.uint8)
    rasterio.warp.reproject(
        np.ones((72, 72), np.uint8),
        nodes,
        src_transform=wide @ Affine.scale(cols / 64, rows / 64),
        src_crs=info.georeference.crs,
        dst_transform=Affine(width, 0, reach.left - width / 2, 0, -height, reach.top + height / 2),
        dst_crs=crs,
        tolerance=0,
    )
    cells = nodes[1:, 1:] & nodes[1:, :-1] & nodes[:-1, 1:] & nodes[:-1, :-1]
    outlines = rasterio.features.shapes(
        cells, mask=cells > 0, transform=Affine(width, 0, reach.left, 0, -height, reach.top)
    )
    return shapely.union_all([shapely.geometry.shape(outline) for outline, _ in outlines])
