"""Masks of single objects as polygons along the edges of their pixels, which draw the same mask."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mask_polygon", "png_mask", "rle_polygon"]

_MOST_PIXELS = 1 << 28
"""Of a mask that is unpacked: 268 million, 16 384 squared."""


def mask_polygon(mask: NDArray[np.uint8], left: int = 0, top: int = 0) -> Any:
    """Return the polygon that covers the pixels of a mask.

    Args:
        mask: ``(height, width)``, other than 0 where the object is.
        left: column of the image that the first column of the mask lies on.
        top: likewise the row.

    Raises:
        ValueError: the mask is empty.
    """
    import rasterio.features
    import shapely
    from affine import Affine

    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask")
    part = np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] != 0)
    place = Affine.translation(left + int(cols[0]), top + int(rows[0]))
    found = rasterio.features.shapes(part.astype(np.uint8), part, transform=place)
    polygons = [shapely.geometry.shape(each) for each, _ in found]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def rle_polygon(segmentation: Mapping[str, Any]) -> Any:
    """Return the polygon of a mask that COCO stores as lengths of runs down the columns.

    Raises:
        ValueError: the runs are no whole mask, or of more pixels than can be unpacked.
    """
    height, width = segmentation["size"]
    counts = segmentation["counts"]
    if not all(isinstance(side, int) and side > 0 for side in (height, width)):
        raise ValueError("no size")
    if height * width > _MOST_PIXELS:
        raise ValueError("too large")
    counts = _lengths(counts) if isinstance(counts, str) else counts
    if not all(isinstance(each, int) and each >= 0 for each in counts):
        raise ValueError("no lengths")
    if sum(counts) != height * width:
        raise ValueError("not the size of the image")
    values = np.arange(len(counts), dtype=np.int64) % 2
    runs = np.repeat(values.astype(np.uint8), np.array(counts, np.int64))
    return mask_polygon(runs.reshape(width, height).T)


def png_mask(corners: Any, encoded: Any) -> Any:
    """Return the polygon of a mask that LabelMe stores as a PNG with the corners of its box.

    Raises:
        ValueError: it is no such mask.
    """
    from PIL import Image, UnidentifiedImageError

    from tilesegm.source.annotations.shapes import points_of

    left, top = (round(float(each)) for each in points_of(corners, 2)[0])
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded)), formats=["PNG"]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise ValueError("too large")
            mask = np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError("no PNG") from error
    return mask_polygon(mask, left, top)


def _lengths(packed: str) -> list[int]:
    """Unpack the lengths of COCO's compressed text.

    Each is a number of base 32, five bits a character from the lowest on, and from the fourth on
    the difference to the one before the last.
    """
    lengths: list[int] = []
    value = shift = 0
    for digit in (ord(character) - 48 for character in packed):
        if not 0 <= digit < 64 or shift > 35:
            raise ValueError("no lengths")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    return lengths
