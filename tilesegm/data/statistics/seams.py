"""Borders of classes that run along the edges of the windows that an image is read by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE

__all__ = ["Seams", "border_pixels"]


def border_pixels(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Find labelled pixels with a labelled neighbour of another class; diagonals do not count."""
    border = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        first, second = _pair(labels, axis)
        differ = _differ(first, second)
        marked, marked_too = _pair(border, axis)
        marked |= differ
        marked_too |= differ
    return border


class Seams:
    """The lines of pixels on both sides of window edges along one axis, kept until all are read.

    Windows of ``side`` pixels write their own stretches, so that threads need no lock.
    """

    def __init__(self, size: int, length: int, side: int) -> None:
        """Make room for the seams across an axis of ``size`` pixels, each ``length`` long."""
        self._side = side
        count = max(0, -(-size // side) - 1)
        self._labels = np.full((count, 2, length), IGNORE, np.int32)
        self._border = np.zeros((count, 2, length), bool)

    def keep(
        self, start: int, along: slice, labels: NDArray[np.int32], border: NDArray[np.bool_]
    ) -> None:
        """Keep the first and last line of a window that starts at ``start`` on the axis."""
        before = start // self._side - 1
        if before >= 0:
            self._labels[before, 1, along] = labels[0]
            self._border[before, 1, along] = border[0]
        if before + 1 < len(self._labels):
            self._labels[before + 1, 0, along] = labels[-1]
            self._border[before + 1, 0, along] = border[-1]

    def border_places(self) -> NDArray[np.int64]:
        """Find pixels that only the seam shows to be a border.

        Returns:
            ``(n, 2)`` place across and along the axis.
        """
        differ = _differ(self._labels[:, 0], self._labels[:, 1])
        seam, sides, along = np.nonzero(differ[:, None] & ~self._border)
        return np.stack([(seam + 1) * self._side - 1 + sides, along], axis=1).astype(np.int64)


def _pair(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])


def _differ(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.bool_]:
    differ: NDArray[np.bool_] = (first != second) & (first != IGNORE) & (second != IGNORE)
    return differ
