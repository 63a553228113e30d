"""Arrays of pixels as pictures inside a page."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tilesegm.classes import ClassInfo

__all__ = ["colour_classes", "error_picture", "picture", "stretch"]

_ABSENT = (235, 235, 235)


def picture(rgb: NDArray[np.uint8], *, width: int | None = None, alt: str = "") -> str:
    """Return an ``img`` element that holds the picture itself.

    Args:
        rgb: ``(H, W, 3)``.
        width: Width at which it is shown, in pixels; its own when not given. Pixels that are shown
            larger stay squares.
        alt: What it shows, for those who cannot see it.
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    shown = width or rgb.shape[1]
    pixelated = ";image-rendering:pixelated" if shown > rgb.shape[1] else ""
    return (
        f'<img src="data:image/png;base64,{data}" width="{shown}" alt="{html.escape(alt)}" '
        f'style="width:{shown}px{pixelated}">'
    )


def stretch(pixels: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Turn pixels into something to look at.

    The first three bands, or the first one as grey, between their 2nd and 98th percentile.

    Args:
        pixels: ``(H, W, bands)``.
        valid: ``(H, W)``, False where a pixel is missing and drawn in light grey.
    """
    shown = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1].repeat(3, -1)
    values = shown.astype(np.float32)
    seen = np.asarray(np.isfinite(values).all(-1) if valid is None else valid)
    if not seen.any():
        return np.full((*values.shape[:2], 3), _ABSENT, np.uint8)
    low, high = np.percentile(values[seen], [2, 98], axis=0)
    span = np.where(high > low, high - low, 1)
    rgb = np.clip((values - low) / span * 255, 0, 255)
    return np.where(seen[..., None], rgb, np.array(_ABSENT, np.float32)).astype(np.uint8)


def colour_classes(ids: NDArray[np.integer], classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """Paint class ids ``(H, W)`` in the colours of the classes; other ids are light grey."""
    table = np.array([info.colour for info in classes] + [_ABSENT], np.uint8)
    known = (ids >= 0) & (ids < len(classes))
    return table[np.where(known, ids, len(classes))]


def error_picture(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: Sequence[ClassInfo]
) -> NDArray[np.uint8]:
    """Show what is wrong: mistakes in the colour of the true class, the rest near to white."""
    known = (truth >= 0) & (truth < len(classes))
    rgb = np.full((*truth.shape, 3), 250, np.uint8)
    rgb[~known] = _ABSENT
    wrong = known & (truth != predicted)
    rgb[wrong] = colour_classes(truth, classes)[wrong]
    return rgb
