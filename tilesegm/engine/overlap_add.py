"""Adds overlapping tiles up to finished scores, keeping no more than the overlap.

The weight of a pixel in a tile is the product of one weight for its row and one for its column,
and on each axis the weights of all tiles sum to one. So rows and columns are added up one after
the other by the same step: what a tile shares with those before is added, what no later tile can
touch is finished, the rest is carried on. Where one tile alone counts, nothing is added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.axis import Axis, Span

__all__ = ["OverlapAdd"]

Scores = NDArray[np.float32]


class OverlapAdd:
    """Blends the tiles of a run of grid rows, from left to right and from top to bottom.

    Args:
        rows: tiles along the rows of the image.
        cols: tiles along its columns.
        classes: planes of the scores.
        left: first column of the image that is wanted.
        right: column after the last wanted one.
    """

    def __init__(self, rows: Axis, cols: Axis, *, classes: int, left: int, right: int) -> None:
        self._rows = rows
        self._cols = cols
        self._classes = classes
        self._left = left
        self._right = right
        self._aside: Scores | None = None
        """What the tiles to the left leave for the next one."""
        self._above: Scores | None = None
        """What the rows of tiles above leave for this one, over all wanted columns."""
        self._below: Scores | None = None
        """What this row of tiles leaves for the next."""

    def add(self, row: int, col: int, scores: Scores | None) -> tuple[int, Scores] | None:
        """Take the next tile and return what it finishes.

        Args:
            row: row of the tile in the grid.
            col: column of the tile in the grid.
            scores: ``(classes, height, width)``, changed in place; None for a tile that was
                skipped because none of its pixels is wanted.

        Returns:
            First column of the image and ``(classes, rows, columns)`` of finished scores, whose
            first row is the first that the row of tiles counts for; None when nothing wanted is
            finished.
        """
        rows, cols = self._rows.spans[row], self._cols.spans[col]
        step = _step(self._cols, col)
        if scores is None and self._aside is not None:
            scores = self._nothing(self._rows.tile, self._cols.tile)
        if scores is not None:
            scores = scores[:, rows.low : rows.high, cols.low : cols.high]
            _weigh(scores, cols, axis=2)
            if self._aside is not None:
                scores[:, :, : self._aside.shape[2]] += self._aside
            carried = scores[:, :, step:]
            self._aside = carried if carried.shape[2] else None
        # A panel may begin or end inside a tile: the columns beyond are its neighbours' affair.
        first, last = max(cols.first, self._left), min(cols.first + step, self._right)
        if first >= last:
            return None
        if scores is not None:
            scores = scores[:, :, first - cols.first : last - cols.first]
        finished = self._down(row, slice(first - self._left, last - self._left), scores)
        return None if finished is None else (first, finished)

    def end_row(self) -> None:
        """Begin the next row of tiles."""
        self._above, self._below, self._aside = self._below, None, None

    def _down(self, row: int, place: slice, scores: Scores | None) -> Scores | None:
        """Add what the rows above left, and return the rows that no later row of tiles touches."""
        span = self._rows.spans[row]
        step = _step(self._rows, row)
        if scores is None:
            if self._above is None:
                return None
            scores = self._nothing(span.high - span.low, place.stop - place.start)
        _weigh(scores, span, axis=1)
        if self._above is not None:
            scores[:, : self._above.shape[1]] += self._above[:, :, place]
        carried = scores[:, step:]
        if carried.shape[1]:
            if self._below is None:
                self._below = self._nothing(carried.shape[1], self._right - self._left)
            self._below[:, :, place] = carried
        return scores[:, : min(step, self._rows.size - span.first)]

    def _nothing(self, height: int, width: int) -> Scores:
        return np.zeros((self._classes, height, width), np.float32)


def _step(axis: Axis, number: int) -> int:
    """Pixels, from the first that the tile counts for, that no later tile touches."""
    span = axis.spans[number]
    following = number + 1
    return (axis.spans[following].first if following < len(axis.spans) else span.last) - span.first


def _weigh(scores: Scores, span: Span, axis: int) -> None:
    """Multiply in place, passing over the middle of a tile, where one tile alone counts."""
    alone = span.alone
    for edge in (slice(None, alone.start), slice(alone.stop, None)):
        weights = span.weights[edge]
        if axis == 1:
            scores[:, edge] *= weights[:, None]
        else:
            scores[:, :, edge] *= weights
