"""From the numbers in a raster to class ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNKNOWN", "NearestColour", "ValueTable"]

UNKNOWN = -2
"""What a value becomes that settings do not name."""


class ValueTable:
    """Turns arrays of numbers into class ids."""

    def __init__(self, ids: Mapping[int, int]) -> None:
        """Take the class id, or ``IGNORE``, of each number."""
        self._numbers = np.array(sorted(ids), np.int64)
        self._ids = np.array([ids[number] for number in sorted(ids)], np.int32)
        self._dense: dict[np.dtype[Any], NDArray[np.int32]] = {}

    def look_up(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """Return int32 ids of the shape of ``values``, ``UNKNOWN`` for numbers without an id."""
        if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
            # Through the unsigned type of the same bits, so that negative numbers index too.
            unsigned = np.dtype(f"u{values.dtype.itemsize}")
            ids: NDArray[np.int32] = self._all_of(values.dtype)[values.view(unsigned)]
            return ids
        return self._search(values)

    def _all_of(self, dtype: np.dtype[Any]) -> NDArray[np.int32]:
        if dtype not in self._dense:
            every = np.arange(2 ** (8 * dtype.itemsize)).astype(f"u{dtype.itemsize}")
            self._dense[dtype] = self._search(every.view(dtype))
        return self._dense[dtype]

    def _search(self, values: NDArray[Any]) -> NDArray[np.int32]:
        ids = np.full(values.shape, UNKNOWN, np.int32)
        for number, each in zip(self._numbers.tolist(), self._ids.tolist(), strict=True):
            ids[values == number] = each
        return ids


class NearestColour:
    """Turns packed colours into the class ids of the nearest ones, by the distance in RGB."""

    def __init__(self, ids: Mapping[int, int]) -> None:
        """Take the class id, or ``IGNORE``, of each packed colour."""
        colours = sorted(ids)
        self._points = _unpacked(np.array(colours, np.int64))
        self._ids = np.array([ids[colour] for colour in colours], np.int32)

    def look_up(self, colours: NDArray[Any]) -> NDArray[np.int32]:
        """Return int32 ids of ``(n,)`` packed colours; of two at one distance the darker counts."""
        distinct, places = np.unique(colours, return_inverse=True)
        best = np.full(len(distinct), np.inf)
        ids = np.zeros(len(distinct), np.int32)
        points = _unpacked(distinct)
        for point, each in zip(self._points, self._ids, strict=True):
            distance = ((points - point) ** 2).sum(axis=1)
            ids[distance < best] = each
            best = np.minimum(best, distance)
        return ids[places.reshape(colours.shape)]


def _unpacked(colours: NDArray[Any]) -> NDArray[np.int64]:
    """Return ``(n, 3)`` red, green and blue."""
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.int64)
