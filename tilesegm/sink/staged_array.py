"""A plane of results on disk: a Zarr v2 array that is written chunk by chunk.

Chunks are written as files of their own, without a Zarr library in between: the writer must know
which files to flush, and GDAL reads the same folder as a raster when a GeoTIFF is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Zstd
from numpy.typing import NDArray

from tilesegm.errors import OutputError
from tilesegm.files import remove
from tilesegm.grid.window import Window
from tilesegm.sink.chunk_digest import digest_of, is_plain_file

__all__ = ["COMPRESSION", "StagedArray", "StagedDamageError", "write_chunk"]

# Zstandard at level 1 writes and reads class maps about as fast as no compression at all, at a
# tenth of the bytes; GDAL reads it, and does not read LZ4 in every build.
COMPRESSION = 1
_CODEC = Zstd(level=COMPRESSION)

_TOGETHER = 16  # chunks that are read at once: enough to share the cost, few enough for any width


class StagedDamageError(OutputError):
    """Staged results are not as they were written; those regions no longer count as finished."""


def write_chunk(file: Path, data: bytes) -> bytes:
    """Write the bytes of a chunk, and return their digest."""
    if not is_plain_file(file):
        remove(file)  # a folder in its place, or a link out of ours
    file.write_bytes(data)
    return digest_of(data)


class StagedArray:
    """A two-dimensional Zarr v2 array, written and read by windows."""

    def __init__(
        self, folder: Path, shape: tuple[int, int], chunk: int, dtype: np.dtype[Any], fill: float
    ) -> None:
        self.folder = folder
        self.shape = shape
        self.chunk = chunk
        self.dtype = dtype.newbyteorder("<")
        self.fill = fill

    def create(self) -> Path:
        """Make the folder and its description; chunks already there stay.

        Returns:
            The description, to be flushed.
        """
        if not self.folder.is_dir():
            remove(self.folder)
            self.folder.mkdir(parents=True)
        if not is_plain_file(self._head):
            remove(self._head)
        self._head.write_text(self._description())
        return self._head

    def is_described(self) -> bool:
        """Tell whether the description is still there as it was made."""
        text = self._description().encode()
        return is_plain_file(self._head) and self._head.read_bytes() == text

    def chunks(self, window: Window) -> Iterator[Path]:
        """Return the files of the chunks that a window of this array touches."""
        size = self.chunk
        for i in range(window.row // size, -(-window.stop_row // size)):
            for j in range(window.col // size, -(-window.stop_col // size)):
                yield self.folder / f"{i}.{j}"

    def write(self, row: int, col: int, values: NDArray[Any]) -> Iterator[tuple[Path, bytes]]:
        """Write ``(h, w)`` values whose upper left corner starts a chunk.

        Yields:
            The files as they are written, each with the digest of its bytes.
        """
        for file, data in self.encode(row, col, values):
            yield file, write_chunk(file, data)

    def encode(self, row: int, col: int, values: NDArray[Any]) -> Iterator[tuple[Path, bytes]]:
        """Return the files that `write` makes of values, each with its bytes."""
        size = self.chunk
        for part in Window(row, col, *values.shape).tiles(size):
            chunk = values[part.shift(-row, -col).slices].astype(self.dtype, copy=False)
            if part.pixels < size * size:
                beyond = (0, size - part.height), (0, size - part.width)
                chunk = np.pad(chunk, beyond, constant_values=self.fill)
            file = self.folder / f"{part.row // size}.{part.col // size}"
            yield file, bytes(_CODEC.encode(np.ascontiguousarray(chunk)))

    def read(self, window: Window) -> NDArray[Any]:
        """Read ``(height, width)`` values; chunks that were never written read as the fill.

        Raises:
            StagedDamageError: a chunk cannot be decoded.
        """
        out = np.full((window.height, window.width), self.fill, self.dtype)
        size = self.chunk
        for i in range(window.row // size, -(-window.stop_row // size)):
            for j in range(window.col // size, -(-window.stop_col // size)):
                part = Window(i * size, j * size, size, size).intersect(window)
                file = self.folder / f"{i}.{j}"
                if part is None or not file.exists():
                    continue
                there = part.shift(-window.row, -window.col).slices
                out[there] = self._decode(file)[part.shift(-i * size, -j * size).slices]
        return out

    def _decode(self, file: Path) -> NDArray[Any]:
        try:
            data = _CODEC.decode(file.read_bytes())
            return np.frombuffer(data, self.dtype).reshape(self.chunk, self.chunk)
        except (RuntimeError, ValueError, IsADirectoryError) as error:
            raise StagedDamageError(f"{file} is damaged ({error})") from error

    @property
    def _head(self) -> Path:
        return self.folder / ".zarray"

    def _description(self) -> str:
        return json.dumps(
            {
                "zarr_format": 2,
                "shape": self.shape,
                "chunks": (self.chunk, self.chunk),
                "dtype": self.dtype.str,
                "compressor": _CODEC.get_config(),
                "fill_value": "NaN" if np.isnan(self.fill) else self.fill,
                "order": "C",
                "filters": None,
            }
        )

    def windows(self) -> Iterator[Window]:
        """Windows of whole chunks, few at a time, that cover the array in reading order."""
        return Window(0, 0, *self.shape).tiles(self.chunk, _TOGETHER * self.chunk)

    def encode_fill(self) -> bytes:
        """Return the bytes of a chunk that holds nothing but the fill."""
        chunk = np.full((self.chunk, self.chunk), self.fill, self.dtype)
        return bytes(_CODEC.encode(chunk))

    def stored_bytes(self) -> int:
        """Bytes of all chunks on disk."""
        return sum(file.lstat().st_size for file in self.folder.iterdir())
