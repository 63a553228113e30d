"""Reading a window between its pixels: how every geometric change gets its values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Points"]


class Points:
    """Where each pixel of a result lies in a square window.

    The neighbours and their shares are worked out once and serve pixels, labels, validity and
    weights, so that all of them move alike.
    """

    def __init__(self, rows: NDArray[np.float32], cols: NDArray[np.float32], side: int) -> None:
        """Take positions in pixels, where whole numbers are centres of pixels.

        Args:
            rows: ``(height, width)`` from 0 to ``side - 1``.
            cols: ``(height, width)`` likewise.
            side: side of the window in pixels.
        """
        self.shape = rows.shape
        last = max(side - 2, 0)
        top = np.minimum(rows.astype(np.intp), last)
        left = np.minimum(cols.astype(np.intp), last)
        self._down, self._right = (side, 1) if side > 1 else (0, 0)
        self._corner = (top * side + left).ravel()
        self._row_part = (rows - top).astype(np.float32).ravel()
        self._col_part = (cols - left).astype(np.float32).ravel()
        self._nearest = (
            self._corner
            + (self._row_part > 0.5) * self._down
            + (self._col_part > 0.5) * self._right
        )

    def nearest(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Values ``(height, width)`` of the pixels of ``(side, side)`` that lie nearest."""
        values: NDArray[Any] = plane.reshape(-1).take(self._nearest).reshape(self.shape)
        return values

    def linear(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean ``(height, width[, bands])`` of the four pixels around, by their nearness."""
        flat = values.reshape(values.shape[0] * values.shape[1], -1)
        right_part, down_part = self._col_part[:, None], self._row_part[:, None]
        upper = self._between(flat, self._corner, right_part)
        lower = self._between(flat, self._corner + self._down, right_part)
        lower -= upper
        lower *= down_part
        upper += lower
        return upper.reshape(self.shape + values.shape[2:])

    def linear_of_valid(
        self, values: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Values ``(height, width, bands)`` of valid pixels alone, and where there are any.

        A point is valid if the pixel nearest to it is. Its value is the mean of the valid ones of
        the four pixels around it, whose shares are divided by their sum (at least a quarter): what
        a missing pixel holds has no influence at all (normalised convolution: Knutsson and Westin,
        CVPR 1993). Invalid points are 0.
        """
        if valid.all():
            return self.linear(values), np.ones(self.shape, np.bool_)
        share = self.linear(valid.astype(np.float32))
        present = self.nearest(valid)
        sums = self.linear(np.where(valid[..., None], values, np.float32(0)))
        factor = np.divide(1, share, out=np.zeros_like(share), where=present)
        return sums * factor[..., None], present

    def _between(
        self, flat: NDArray[np.float32], left: NDArray[np.intp], part: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Values between the pixels ``left`` and those to their right."""
        start = flat.take(left, axis=0)
        step = flat.take(left + self._right, axis=0)
        step -= start
        step *= part
        start += step
        return start
