"""Classes over an image: as a tint, or as their borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["grey_of", "outline", "tint"]

_LUMA = (0.299, 0.587, 0.114)
"""Parts of red, green and blue in the brightness of a picture (ITU-R BT.601)."""
_BRIGHT, _DARK = 255, 20
"""Brightness of the casing beside lines of dark classes, and of bright ones."""


def grey_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture ``(H, W, 3)`` without its colours, so that those of classes are told."""
    brightness = np.rint(rgb @ np.array(_LUMA)).astype(np.uint8)
    return np.repeat(brightness[..., None], 3, axis=-1)


def tint(
    rgb: NDArray[np.uint8],
    colours: NDArray[np.uint8],
    where: NDArray[np.bool_],
    strength: float = 0.5,
) -> NDArray[np.uint8]:
    """Lay the colours of classes over a picture in greys, so that no other colour is seen.

    Args:
        rgb: the picture, ``(H, W, 3)``.
        colours: of the class of each pixel, ``(H, W, 3)``.
        where: pixels that have a class, ``(H, W)``; the others stay as they are.
        strength: part of the class's colour, 0 to 1.
    """
    grey = grey_of(rgb)
    mixed = (1 - strength) * grey.astype(np.float32) + strength * colours
    return np.where(where[..., None], np.rint(mixed), grey).astype(np.uint8)


def outline(
    rgb: NDArray[np.uint8], ids: NDArray[np.integer], colours: NDArray[np.uint8], width: int
) -> NDArray[np.uint8]:
    """Draw the borders of classes on a picture: each class in its colour, on its side.

    Between two classes is a thin line, white beside a dark class and dark beside bright ones, so
    that borders show on ground of any colour.

    Args:
        rgb: the picture, ``(H, W, 3)``.
        ids: class of each pixel, ``(H, W)``; pixels below 0 have none, and no line on their side.
        colours: of the class of each pixel, ``(H, W, 3)``.
        width: of a line, in pixels.
    """
    between = np.zeros(ids.shape, bool)
    between[:-1] |= ids[:-1] != ids[1:]
    between[:, :-1] |= ids[:, :-1] != ids[:, 1:]
    line = _grown(between, width) & (ids >= 0)
    dark = line & (colours @ np.array(_LUMA) < 128)
    drawn = rgb.copy()
    drawn[line] = colours[line]
    casing = _grown(between, width // 3) if width > 2 else between
    drawn[casing] = np.where(_grown(dark, width)[casing], _BRIGHT, _DARK)[:, None]
    return drawn


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return np.asarray(ndimage.maximum_filter(mask, 2 * by + 1), bool)
