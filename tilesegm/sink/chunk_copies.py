"""Chunks of staged arrays as chunks of a finished Zarr: the same bytes, so none is decoded.

A staged chunk and one of Zarr v3 with the codecs ``bytes`` and ``zstd`` are both one frame of
Zstandard that holds the whole chunk in C order, little-endian, filled up beyond the array's edge.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from zarr.codecs import ZstdCodec

from tilesegm.grid.window import Window
from tilesegm.sink.staged_array import COMPRESSION, StagedArray

__all__ = ["CODEC", "copy_chunks"]

CODEC = ZstdCodec(level=COMPRESSION, checksum=False)
"""Of the finished arrays."""

_COPIES = 8
"""Files that are copied at a time: on a shared disk each of them mostly waits."""


def copy_chunks(
    array: StagedArray, target: Any, store: Path, leading: tuple[int, ...]
) -> Iterator[int]:
    """Copy the chunks of an array into an empty Zarr of the same chunks.

    Chunks of nothing but the fill are left out, as Zarr does.

    Args:
        array: complete.
        target: ``zarr.Array`` with `CODEC`.
        store: folder of the store that it lies in.
        leading: indices of its chunks on the axes before rows and columns.

    Yields:
        Pixels that were copied, a row of chunks at a time.
    """
    folder, encode_key = store / target.path, target.metadata.encode_chunk_key
    empty = array.encode_fill()

    def copy(row: int, col: int, file: Path) -> None:
        if not file.exists():
            return  # never written, so that it reads as the fill there too
        if file.stat().st_size == len(empty) and file.read_bytes() == empty:
            return
        place = folder / encode_key((*leading, row, col))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)

    with ThreadPoolExecutor(_COPIES, "tilesegm-copy") as threads:
        for strip in Window(0, 0, *array.shape).tiles(array.chunk, array.shape[1]):
            row = strip.row // array.chunk
            files = enumerate(array.chunks(strip))
            list(threads.map(copy, *zip(*((row, col, file) for col, file in files), strict=True)))
            yield strip.pixels
