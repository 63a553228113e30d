"""How much of an image is decoded at once: a block, or all of it in some formats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["decoded_bytes"]

_WHOLE = ("GIF", "BIGGIF", "WEBP", "AVIF", "HEIF", "JPEGXL")
"""Formats that decode the whole image for its first row."""
_INTERLACED = 28
"""Byte of a PNG file that tells whether rows stand in the order of Adam7."""


def decoded_bytes(path: str, dataset: Any) -> int:
    """Return the bytes that GDAL decodes at once, from headers alone.

    Args:
        path: of the file.
        dataset: open.
    """
    if not dataset.count:
        return 0
    size = np.dtype(_name(dataset.dtypes[0])).itemsize
    rows, cols = dataset.block_shapes[0]
    if dataset.driver in _WHOLE or (dataset.driver == "PNG" and _is_interlaced(path)):
        rows, cols = dataset.shape
    # Bands that follow each other pixel by pixel are decoded together.
    together = dataset.count if dataset.interleaving is not None else 1
    if getattr(dataset.interleaving, "name", "").lower() == "band":
        together = 1
    return math.prod((rows, cols, together, size))


def _name(name: str) -> str:
    """Translate GDAL's complex integers, which numpy does not know."""
    return "complex64" if name.startswith("complex_int") else name


def _is_interlaced(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(_INTERLACED + 1)
    return len(head) > _INTERLACED and head[_INTERLACED] != 0
