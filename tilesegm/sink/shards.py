"""Shards: files of a Zarr that hold many chunks each; a giant map would be a million files else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from tilesegm.grid.window import Window
from tilesegm.sink.staged_array import StagedArray

__all__ = ["MOST_CHUNKS", "Shards", "are_wanted", "shard_side", "windows"]

Shards = Literal["auto", "yes", "no"]

MOST_CHUNKS = 10_000
"""Chunks of a Zarr up to which ``auto`` gives each a file of its own."""

_BYTES = 64 << 20
"""Pixels of a shard, uncompressed: all of them are in memory while it is written."""
_SIDE = 8192


def are_wanted(choice: Shards, arrays: Iterable[StagedArray]) -> bool:
    """Tell whether a Zarr of these arrays is written in shards."""
    chunks = sum(
        _across(array.shape[0], array) * _across(array.shape[1], array) for array in arrays
    )
    return choice == "yes" or (choice == "auto" and chunks > MOST_CHUNKS)


def shard_side(array: StagedArray) -> int:
    """Return rows and columns of a shard: whole chunks, a power of two of them."""
    side = _SIDE
    while side * side * array.dtype.itemsize > _BYTES:
        side //= 2
    while side // 2 >= max(array.chunk, *array.shape):
        side //= 2
    return side


def windows(array: StagedArray, shards: bool) -> Iterator[Window]:
    """Return the windows in which an array is copied: whole shards, or a few chunks."""
    if not shards:
        return array.windows()
    return Window(0, 0, *array.shape).tiles(shard_side(array))


def _across(length: int, array: StagedArray) -> int:
    return -(-length // array.chunk)
