"""Digests of all that a row of tiles, and so a region, depends on beside the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.axis import Axis, Span
from tilesegm.grid.tiles import TileGrid
from tilesegm.grid.window import Window

__all__ = ["TileRowDigests", "region_digest"]

_SIZE = 16
"""Bytes of a digest: two of 10^12 regions are the same by chance once in 10^14 maps."""


class TileRowDigests:
    """Sums up the rows of pixels as they are read, and for each row of tiles those that it needs.

    Equal digests mean equal results to the last bit: they hold the pixels with their fills, which
    of them are wanted, the places and weights of tiles, and how many are scored together.

    Args:
        grid: the tiles.
        cols: numbers of the columns of tiles that are computed together.
        settings: what else scores depend on, such as the batch.
    """

    def __init__(self, grid: TileGrid, cols: range, settings: Sequence[Any]) -> None:
        self._rows = grid.rows
        told = repr((*settings, grid.tile, len(cols))).encode()
        self._head = _hash([told, *(_about(grid.cols, number) for number in cols)])
        self._sums: dict[int, bytes] = {}

    def take(self, row: int, arrays: Iterable[NDArray[Any]]) -> None:
        """Take rows that were read.

        Args:
            row: the first of them.
            arrays: what is known of each row, along the first axis.
        """
        parts = [np.ascontiguousarray(one).reshape(len(one), -1) for one in arrays]
        for number in range(len(parts[0])):
            self._sums[row + number] = _hash(part[number] for part in parts)

    def of(self, number: int) -> bytes:
        """Return the digest of a row of tiles, whose pixels were taken; rows come in order."""
        start = self._rows.spans[number].start
        stop = min(start + self._rows.tile, self._rows.size)
        for row in [row for row in self._sums if row < start]:
            del self._sums[row]
        rows = (self._sums[row] for row in range(start, stop))
        return _hash([self._head, _about(self._rows, number), *rows])


def region_digest(window: Window, rows: Iterable[bytes]) -> str:
    """Return the digest of a region by those of the rows of tiles that decide it."""
    return _hash([repr(window).encode(), *rows]).hex()


def _about(axis: Axis, number: int) -> bytes:
    """Return the place of a tile and its weights, as bytes."""
    span: Span = axis.spans[number]
    numbers = np.array([span.start, span.low, span.high, axis.finished(number)], np.int64)
    return numbers.tobytes() + span.weights.tobytes()


def _hash(parts: Iterable[Any]) -> bytes:
    total = blake2b(digest_size=_SIZE)
    for part in parts:
        total.update(part)
    return total.digest()
