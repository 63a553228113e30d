"""The way up of a photo: the eight values of the EXIF orientation tag.

A camera stores rows as its sensor reads them and writes into tag 274 how to turn them for the
viewer (CIPA DC-008, Exif 2.32, section 4.6.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin
from tifffile import TiffFile, TiffFileError

from tilesegm.grid.window import Window

__all__ = ["Orientation", "read_orientation"]

_TAG = 274


@dataclass(frozen=True)
class Orientation:
    """Leads from stored pixels to upright ones: transpose first, then flip."""

    tag: int = 1
    """Value of the tag, 1 (upright) to 8."""

    @property
    def transposed(self) -> bool:
        """Whether rows and columns change places."""
        return self.tag >= 5

    @property
    def flips(self) -> tuple[bool, bool]:
        """Whether upright rows and columns run against the stored order."""
        return self.tag in (3, 4, 7, 8), self.tag in (2, 3, 6, 7)

    @property
    def disordered(self) -> bool:
        """Whether upright rows from top to bottom are no stored rows from top to bottom."""
        return self.transposed or self.flips[0]

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Turn a stored height and width (of an image, a block) to upright; its own inverse."""
        return (size[1], size[0]) if self.transposed else size

    def stored(self, window: Window, size: tuple[int, int]) -> Window:
        """Return where the pixels of an upright ``window`` are stored.

        Args:
            window: in the upright image.
            size: height and width of the upright image.
        """
        row = size[0] - window.stop_row if self.flips[0] else window.row
        col = size[1] - window.stop_col if self.flips[1] else window.col
        if self.transposed:
            return Window(col, row, window.width, window.height)
        return Window(row, col, window.height, window.width)

    def upright(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Turn stored ``(height, width, ...)`` pixels upright, C-contiguous."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        rows, cols = (slice(None, None, -1 if flip else 1) for flip in self.flips)
        return np.ascontiguousarray(turned[rows, cols])


def read_orientation(path: str, driver: str) -> Orientation:
    """Read the tag of a JPEG, PNG or TIFF file; upright where it is absent or damaged.

    Args:
        path: a local file.
        driver: GDAL's name of the format.
    """
    try:
        if driver == "JPEG":
            with JpegImagePlugin.JpegImageFile(path) as photo:
                tag = photo.getexif().get(_TAG, 1)
        elif driver == "PNG":
            # getexif() would decode the whole image to look for a tag behind the pixels.
            with PngImagePlugin.PngImageFile(path) as photo:
                exif = Image.Exif()
                exif.load(photo.info.get("exif", b""))
                tag = exif.get(_TAG, 1)
        elif driver == "GTiff":
            with TiffFile(path) as tiff:
                tag = tiff.pages.first.tags.valueof(_TAG, default=1)
        else:
            tag = 1
    except (OSError, SyntaxError, ValueError, KeyError, TiffFileError):
        tag = 1
    return Orientation(tag if tag in range(1, 9) else 1)
