"""Pictures as PNG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tilesegm.files import write_file

__all__ = ["encode_png", "write_png"]


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture ``(H, W, 3)`` as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_png(path: Path, rgb: NDArray[np.uint8]) -> Path:
    """Write a picture ``(H, W, 3)``; an existing file is replaced.

    Raises:
        OutputError: the file cannot be written.
    """
    write_file(path, encode_png(rgb))
    return path
