"""Pictures as PNG, and photos as JPEG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tilesegm.files import write_file

__all__ = ["PNG_MARK", "encode_jpeg", "encode_png", "write_png"]

PNG_MARK = b"Software\0tilesegm"
"""What tells a picture of ours."""


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture ``(H, W, 3)`` as the bytes of a PNG file that says who made it."""
    buffer, said = io.BytesIO(), PngInfo()
    said.add_text("Software", "tilesegm")
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "PNG", optimize=True, pnginfo=said)
    return buffer.getvalue()


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = 85) -> bytes:
    """Return a photo ``(H, W, 3)`` as the bytes of a JPEG file, a fifth of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def write_png(path: Path, rgb: NDArray[np.uint8]) -> Path:
    """Write a picture ``(H, W, 3)``; a picture that tilesegm made is replaced.

    Raises:
        OutputError: the file cannot be written, or stands in the place of somebody else's.
    """
    write_file(path, encode_png(rgb), PNG_MARK)
    return path
