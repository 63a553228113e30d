"""What the pixels of one scene may be used for while a fold is held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window

__all__ = ["SceneView"]


@dataclass(frozen=True)
class SceneView:
    """Which pixels of a scene training may see, and which it may learn from.

    Pixels of ``held_out`` and ``test`` are hidden: no training input shows them. Pixels nearer than
    ``buffer`` to hidden ones are shown as context, yet their labels are not learnt from, so that
    no score whose receptive field reaches into hidden pixels was ever fitted.
    """

    name: str
    height: int
    width: int
    held_out: tuple[Window, ...] = ()
    """What is validated on."""
    test: tuple[Window, ...] = ()
    """What neither training nor validation looks at."""
    buffer: int = 0
    """Pixels learnt from are farther than this from hidden ones, in Chebyshev distance."""

    def visible(self, window: Window) -> NDArray[np.bool_]:
        """Tell pixels of ``window`` that training may see; it may reach over the image's edges.

        Returns:
            ``(height, width)``; False at hidden pixels and outside the image.
        """
        return self._mask(window, 0)

    def trainable(self, window: Window) -> NDArray[np.bool_]:
        """Tell pixels of ``window`` whose labels may be learnt from.

        Returns:
            ``(height, width)``; False up to ``buffer`` away from hidden pixels, and outside the
            image.
        """
        return self._mask(window, self.buffer)

    def shares(self, cell: int) -> NDArray[np.float64]:
        """Measure the fraction of each cell of ``cell`` x ``cell`` pixels that may be learnt from.

        Cells at the lower and right edge are as large as the image leaves them.

        Returns:
            ``(R, C)``, exactly 0 where nothing and exactly 1 where everything may be.
        """
        wider = np.array([-self.buffer, -self.buffer, self.buffer, self.buffer])[:, None]
        top, left, bottom, right = self._hidden + wider
        rows, first_rows = _cuts(self.height, cell, top, bottom)
        cols, first_cols = _cuts(self.width, cell, left, right)
        free = np.ones((len(rows) - 1, len(cols) - 1), bool)
        places = *np.searchsorted(rows, (top, bottom)), *np.searchsorted(cols, (left, right))
        for row, stop_row, col, stop_col in zip(*places, strict=True):
            free[row:stop_row, col:stop_col] = False
        areas = np.diff(rows)[:, None] * np.diff(cols)

        def of_cells(values: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.add.reduceat(np.add.reduceat(values, first_rows, 0), first_cols, 1)

        shares: NDArray[np.float64] = of_cells(areas * free) / of_cells(areas)
        return shares

    def _mask(self, window: Window, margin: int) -> NDArray[np.bool_]:
        mask = np.zeros((window.height, window.width), bool)
        whole = Window(0, 0, self.height, self.width)
        for box in (whole, *self._near(window, margin)):
            part = box.intersect(window)
            if part is not None:
                mask[part.shift(-window.row, -window.col).slices] = box is whole
        return mask

    @cached_property
    def _windows(self) -> list[Window]:
        """Hidden windows from top to bottom."""
        return sorted((*self.held_out, *self.test), key=lambda hidden: (hidden.row, hidden.col))

    @cached_property
    def _hidden(self) -> NDArray[np.int64]:
        """Top, left, bottom and right of hidden windows, ``(4, n)``, from top to bottom."""
        edges = [(w.row, w.col, w.stop_row, w.stop_col) for w in self._windows]
        return np.array(edges, np.int64).reshape(-1, 4).T.copy()

    @cached_property
    def _tallest(self) -> int:
        top, _, bottom, _ = self._hidden
        return int((bottom - top).max(initial=0))

    def _near(self, window: Window, margin: int) -> Iterator[Window]:
        """Find hidden windows, grown by ``margin`` to all sides, that share pixels with one."""
        top, left, bottom, right = self._hidden
        # Thousands of windows may be hidden: their order leaves those of a few rows to look at.
        first = np.searchsorted(top, window.row - margin - self._tallest)
        last = np.searchsorted(top, window.stop_row + margin)
        some = slice(int(first), int(last))
        hits = (
            (bottom[some] + margin > window.row)
            & (left[some] - margin < window.stop_col)
            & (right[some] + margin > window.col)
        )
        for index in np.flatnonzero(hits) + some.start:
            yield self._windows[index].widen(margin)


def _cuts(
    size: int, cell: int, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Cut an axis wherever a cell or a hidden window begins or ends.

    Returns:
        The cuts from 0 to ``size``, and which of them begin cells.
    """
    cells = np.arange(0, size, cell)
    edges = np.clip(np.concatenate([starts, stops]), 0, size)
    cuts = np.unique(np.concatenate([cells, edges, [size]]))
    return cuts, np.searchsorted(cuts, cells)
