"""Statistics of one scene while it is read, window by window, by several threads."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import Patch
from tilesegm.data.statistics.seams import Seams, border_pixels
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.grid.window import Window
from tilesegm.source.base import Pixels
from tilesegm.source.missing import count_infinite

__all__ = ["Cells", "Layout"]


@dataclass(frozen=True)
class Layout:
    """What the statistics of all scenes have in common."""

    cell: int
    """Side of a cell in pixels."""
    side: int
    """Side of the windows that are read, a multiple of ``cell``."""
    step: int
    """Rows and columns between sampled pixels."""
    classes: int
    bands: int
    dtype: np.dtype[Any]


class Cells:
    """Collects the patches of one scene.

    Windows consist of whole cells, so threads write to places of their own and need no lock.
    """

    def __init__(self, name: str, shape: tuple[int, int], layout: Layout) -> None:
        """Make room for a scene of ``shape`` (height, width)."""
        self._layout, self._shape = layout, shape
        height, width = shape
        grid = tuple(-(-size // layout.cell) for size in shape)
        lattice = tuple(-(-size // layout.step) for size in shape)
        self._infinite: dict[Window, int] = {}
        self._weights: dict[Window, tuple[int, float, float]] = {}
        self._rows = Seams(height, width, layout.side)
        self._cols = Seams(width, height, layout.side)
        self._statistics = SceneStatistics(
            name=name,
            height=height,
            width=width,
            cell=layout.cell,
            counts=np.zeros((*grid, layout.classes), np.int64),
            borders=np.zeros(grid, np.int64),
            valid=np.zeros(grid, np.int64),
            means=np.zeros((*grid, layout.bands)),
            squares=np.zeros((*grid, layout.bands)),
            step=layout.step,
            sample=np.zeros((*lattice, layout.bands), layout.dtype),
            sample_valid=np.zeros(lattice, bool),
        )

    @property
    def windows(self) -> tuple[Window, ...]:
        """What has to be read and added, in any order."""
        return tuple(Window(0, 0, *self._shape).tiles(self._layout.side))

    def add(self, window: Window, patch: Patch, weights: NDArray[np.float32] | None = None) -> None:
        """Add what was read for one of the windows, and the weights that were given for it."""
        statistics, cell = self._statistics, self._layout.cell
        rows = slice(window.row // cell, -(-window.stop_row // cell))
        cols = slice(window.col // cell, -(-window.stop_col // cell))
        border = border_pixels(patch.labels)
        statistics.counts[rows, cols] = _count(patch.labels, cell, self._layout.classes)
        statistics.borders[rows, cols] = _sum(border, cell)
        statistics.valid[rows, cols] = valid = _sum(patch.valid, cell)
        statistics.means[rows, cols], statistics.squares[rows, cols] = _moments(patch, valid, cell)
        self._rows.keep(window.row, window.slices[1], patch.labels, border)
        self._cols.keep(window.col, window.slices[0], patch.labels.T, border.T)
        self._keep_sample(window, patch)
        self._infinite[window] = int(count_infinite(Pixels(patch.pixels, patch.valid)).sum())
        if weights is not None:
            above = weights[weights > 0]
            least = float(above.min(initial=math.inf))
            self._weights[window] = (weights.size - above.size, least, float(above.max(initial=0)))

    def finish(self) -> SceneStatistics:
        """Give the statistics once every window was added."""
        # A pixel in the corner of a window can lie on two seams.
        late = np.unique(
            np.concatenate([self._rows.border_places(), self._cols.border_places()[:, ::-1]]),
            axis=0,
        )
        cells = late // self._layout.cell
        np.add.at(self._statistics.borders, (cells[:, 0], cells[:, 1]), 1)
        known = replace(self._statistics, infinite=sum(self._infinite.values()))
        if not self._weights:
            return known
        weightless, least, most = zip(*self._weights.values(), strict=True)
        known = replace(known, weightless=sum(weightless))
        if min(least) > max(most):  # no weight is above 0
            return known
        return replace(known, lightest=min(least), heaviest=max(most))

    def _keep_sample(self, window: Window, patch: Patch) -> None:
        step = self._layout.step
        inside = slice(-window.row % step, None, step), slice(-window.col % step, None, step)
        valid = patch.valid[inside]
        place = Window(-(-window.row // step), -(-window.col // step), *valid.shape).slices
        self._statistics.sample[place] = np.where(valid[..., None], patch.pixels[inside], 0)
        self._statistics.sample_valid[place] = valid


def _count(labels: NDArray[np.int32], cell: int, classes: int) -> NDArray[np.int64]:
    """Pixels of each class in each cell, ``(r, c, K)``."""
    height, width = labels.shape
    grid = -(-height // cell), -(-width // cell)
    # One bin more, in front, takes the pixels that are ignored.
    of_cell = (np.arange(height) // cell * grid[1])[:, None] + np.arange(width) // cell
    bins = np.bincount(
        (of_cell * (classes + 1) + labels + 1).ravel(), minlength=grid[0] * grid[1] * (classes + 1)
    )
    return bins.reshape(*grid, classes + 1)[..., 1:]


def _moments(
    patch: Patch, counts: NDArray[np.int64], cell: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and sum of squared differences from it of each band in each cell, ``(r, c, B)``."""
    seen = patch.valid[..., None]
    values = np.where(seen, patch.pixels, 0).astype(np.float64)
    means = _sum(values, cell) / np.maximum(counts, 1)[..., None]
    # Each cell's own mean, and not one of the window: not even rounding may carry over from
    # pixels that are held out.
    rows, cols = (np.arange(size) // cell for size in values.shape[:2])
    values -= means[np.ix_(rows, cols)]
    values *= seen
    return means, _sum(np.square(values, out=values), cell)


def _sum(values: NDArray[Any], cell: int) -> NDArray[Any]:
    """Sum of each cell over the first two axes, in 64 bits."""
    rows, cols = (np.arange(0, size, cell) for size in values.shape[:2])
    kind = np.int64 if values.dtype == bool else np.float64
    return np.add.reduceat(np.add.reduceat(values, rows, 0, dtype=kind), cols, 1)
