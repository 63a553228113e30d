"""How many bytes results take at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tilesegm.sink.geotiff import BLOCK
from tilesegm.sink.layer import Layer
from tilesegm.sink.pyramid import level_chunk, level_sizes

__all__ = ["OutputBytes", "estimate_bytes"]

# Deflate and Zstandard store what they cannot shrink; this covers their frames and the indices.
_FRAMES = 1.01
_HEADERS = 1 << 20


@dataclass(frozen=True)
class OutputBytes:
    """Upper bounds in bytes; compressed class maps usually take a tenth or less."""

    staging: int
    """Unfinished results."""
    output: int
    """Finished files."""

    @property
    def total(self) -> int:
        """Bytes while files are being finished: both at once."""
        return self.staging + self.output


def estimate_bytes(
    size: tuple[int, int], layers: Sequence[Layer], chunk: int = 1024
) -> OutputBytes:
    """Bound the bytes on disk for an image of ``size`` (height, width), overviews included.

    The bound holds for deflate and Zstandard.
    """
    staging = output = 0
    for layer in layers:
        bytes_per_pixel = layer.planes * layer.dtype.itemsize
        for level, sides in enumerate(level_sizes(*size)):
            staged = _whole(*sides, level_chunk(chunk, level))
            staging += bytes_per_pixel * staged
            # GeoTIFF has blocks of its own, OME-Zarr those of the staged results.
            output += bytes_per_pixel * max(staged, _whole(*sides, BLOCK))
    return OutputBytes(*(int(_FRAMES * part) + _HEADERS for part in (staging, output)))


def _whole(height: int, width: int, block: int) -> int:
    """Pixels of all blocks that hold a part of the image."""
    return -(-height // block) * -(-width // block) * block * block
