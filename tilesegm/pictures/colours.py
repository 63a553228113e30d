"""Images, class maps and errors as colours, uint8 ``(height, width, 3)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilesegm.classes import ClassInfo

__all__ = ["MISSING", "RIGHT", "colour_classes", "colour_errors", "photo", "stretch"]

MISSING = (235, 235, 235)
"""Colour of pixels without a value or without a class."""
RIGHT = (250, 250, 250)
"""Colour of correctly classified pixels in a picture of errors."""


def stretch(
    pixels: NDArray[Any],
    valid: NDArray[np.bool_] | None = None,
    limits: tuple[ArrayLike, ArrayLike] | None = None,
) -> NDArray[np.uint8]:
    """Stretch the first three bands, or the first one as grey, to 0 to 255.

    Args:
        pixels: ``(H, W, bands)``.
        valid: ``(H, W)``, False where a pixel is missing; finite pixels are valid when not given.
        limits: value drawn black and value drawn white, one for all bands or one per band; the
            2nd and the 98th percentile of the valid pixels when not given.
    """
    bands = [0, 1, 2] if pixels.shape[-1] >= 3 else [0]
    values = pixels[..., bands].astype(np.float32)
    shown = np.asarray(np.isfinite(values).all(-1) if valid is None else valid)
    rgb = np.full((*values.shape[:2], 3), MISSING, np.uint8)
    if not shown.any():
        return rgb
    if limits is None:
        low, high = np.percentile(values[shown], (2, 98), axis=0)
    else:
        low, high = (np.resize(limit, pixels.shape[-1])[bands] for limit in limits)
    span = np.where(high > low, high - low, 1)
    rgb[shown] = np.rint(np.clip((values[shown] - low) / span, 0, 1) * 255)
    return rgb


def photo(pixels: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Show an image ``(H, W, bands)``: values of uint8 as they are, others stretched."""
    return stretch(pixels, valid, (0, 255) if pixels.dtype == np.uint8 else None)


def colour_classes(ids: NDArray[np.integer], classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """Paint class ids ``(H, W)`` in the colours of the classes; other ids count as missing."""
    table = np.array([*(info.colour for info in classes), MISSING], np.uint8)
    return table[np.where(_is_class(ids, classes), ids, len(classes)).astype(np.intp)]


def colour_errors(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: Sequence[ClassInfo]
) -> NDArray[np.uint8]:
    """Paint wrong pixels ``(H, W)`` in the colour of their true class, and the rest near white."""
    rgb = colour_classes(truth, classes)
    rgb[_is_class(truth, classes) & (truth == predicted)] = RIGHT
    return rgb


def _is_class(ids: NDArray[np.integer], classes: Sequence[ClassInfo]) -> NDArray[np.bool_]:
    return (ids >= 0) & (ids < len(classes))
