"""Arrays of pixels as pictures inside a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.pictures.colours import colour_classes, colour_errors
from tilesegm.pictures.png import encode_jpeg, encode_png
from tilesegm.report.text import escaped

__all__ = ["comparison", "data_address", "picture"]


def data_address(data: bytes, kind: str) -> str:
    """Return a picture's bytes as the address that stands for them."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def picture(
    rgb: NDArray[np.uint8], *, width: int | None = None, alt: str = "", photo: bool = False
) -> str:
    """Return an ``img`` element that holds the picture itself.

    Args:
        rgb: ``(H, W, 3)``.
        width: width on the page in pixels; that of the picture when not given. Enlarged pixels
            stay squares.
        alt: text in place of the picture, for readers who cannot see it.
        photo: whether it is kept as JPEG, which is smaller and not exact.
    """
    data = encode_jpeg(rgb) if photo else encode_png(rgb)
    address = data_address(data, "jpeg" if photo else "png")
    shown = width or rgb.shape[1]
    pixelated = ";image-rendering:pixelated" if shown > rgb.shape[1] else ""
    return (
        f'<img src="{address}" width="{shown}" alt="{escaped(alt)}" '
        f'style="width:{shown}px{pixelated}">'
    )


def comparison(
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    classes: Sequence[ClassInfo],
    image: NDArray[np.uint8] | None = None,
    *,
    width: int,
) -> str:
    """Return pictures of the image, if there is one, truth, prediction and errors, in a row.

    Args:
        truth: ``(H, W)`` class ids; other values are unknown.
        predicted: ``(H, W)`` class ids.
        classes: names and colours by id.
        image: ``(H, W, 3)``, drawn as all of the image is.
        width: width of each picture on the page in pixels.
    """
    panels = {} if image is None else {"image": image}
    panels |= {
        "truth": colour_classes(truth, classes),
        "prediction": colour_classes(predicted, classes),
        "errors": colour_errors(truth, predicted, classes),
    }
    return " ".join(picture(rgb, width=width, alt=name) for name, rgb in panels.items())
