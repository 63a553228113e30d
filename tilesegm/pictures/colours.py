"""Images, class maps and errors as colours, uint8 ``(height, width, 3)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilesegm.classes import ClassInfo

__all__ = ["MISSING", "RIGHT", "colour_classes", "colour_errors", "limits_of", "stretch"]

MISSING = (235, 235, 235)
"""Colour of pixels without a value or without a class."""
RIGHT = (250, 250, 250)
"""Colour of correctly classified pixels in a picture of errors."""
_DARK = 64
"""Value of 8 bits that the brightest 2 % of an image pass unless it is dark."""


def stretch(
    pixels: NDArray[Any],
    valid: NDArray[np.bool_] | None = None,
    limits: tuple[ArrayLike, ArrayLike] | None = None,
) -> NDArray[np.uint8]:
    """Stretch the first three bands, or the first one as grey, to 0 to 255.

    Args:
        pixels: ``(H, W, bands)``.
        valid: ``(H, W)``, False where a pixel is missing; finite pixels are valid when not given.
        limits: value drawn black and value drawn white, one for all bands or one per band; those
            of all drawn bands together when not given, which keeps the colours of the image.
    """
    bands = [0, 1, 2] if pixels.shape[-1] >= 3 else [0]
    values = pixels[..., bands].astype(np.float32)
    shown = np.isfinite(values).all(-1) & (True if valid is None else valid)
    rgb = np.full((*values.shape[:2], 3), MISSING, np.uint8)
    if not shown.any():
        return rgb
    if limits is None:
        limits = _percentiles(values[shown])
    low, high = (np.resize(limit, pixels.shape[-1])[bands] for limit in limits)
    span = np.where(high > low, high - low, 1)
    rgb[shown] = np.rint(np.clip((values[shown] - low) / span, 0, 1) * 255)
    return rgb


def limits_of(
    samples: Sequence[tuple[NDArray[Any], NDArray[np.bool_] | None]],
) -> tuple[float, float]:
    """Return the values that pictures of an image show black and white, for all bands together.

    Values of 8 bits are shown as they are, unless hardly any reaches a quarter of their range, as
    in fluorescence microscopy; others from the 2nd to the 98th percentile.

    Args:
        samples: pixels ``(H, W, bands)`` of parts of the image, the drawn bands alone, and where
            they are valid, ``(H, W)``; None for where they are finite.
    """
    parts = []
    for pixels, valid in samples:
        finite = np.isfinite(pixels).all(-1) & (True if valid is None else valid)
        parts.append(pixels[finite].reshape(-1))
    values = np.concatenate(parts)
    if not values.size:
        return 0.0, 255.0
    low, high = _percentiles(values)
    return (0.0, 255.0) if values.dtype == np.uint8 and high >= _DARK else (low, high)


def _percentiles(values: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(values, (2, 98))
    return float(low), float(high)


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
