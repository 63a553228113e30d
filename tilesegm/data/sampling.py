"""Where training windows lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.split import SceneView
from tilesegm.data.statistics import SceneStatistics
from tilesegm.data.statistics.seams import border_pixels
from tilesegm.errors import InputError, SettingsError
from tilesegm.grid.window import Window

__all__ = ["Place", "Places"]

# A cell may hold no border that is seen from trainable pixels alone, though one was counted.
_TRIES = 16


_Shares = NDArray[Any]
"""Pixels (int64), or pixels times the weights of their scenes (float64)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A pixel that a training window is laid around."""

    scene: int
    row: int
    col: int


@dataclass(frozen=True)
class _Pool:
    """Cells that hold something, drawn in proportion to how much."""

    cells: NDArray[np.int64]
    """``(n,)`` numbers of cells, counted through all scenes."""
    ends: _Shares
    """``(n,)`` running totals of what they hold."""

    @classmethod
    def of(cls, shares: _Shares) -> _Pool:
        """Keep the cells whose share is above 0; ``shares`` is flat."""
        cells = np.flatnonzero(shares)
        return cls(cells, np.cumsum(shares[cells]))

    @property
    def total(self) -> float:
        """All that the cells hold together."""
        return float(self.ends[-1]) if len(self.ends) else 0.0

    def draw(self, random: np.random.Generator) -> int:
        """Return the number of a cell."""
        return int(self.cells[_draw(self.ends, random)])


def _draw(ends: _Shares, random: np.random.Generator) -> int:
    """Draw a number in proportion to its share, of which ``ends`` are the running totals."""
    if ends.dtype.kind == "f":
        level = random.random() * ends[-1]
        # The product may be rounded up to the total itself.
        return min(int(np.searchsorted(ends, level, "right")), len(ends) - 1)
    return int(np.searchsorted(ends, random.integers(ends[-1]), "right"))


class Places:
    """Every trainable pixel of all scenes, ready to be drawn from by class or border.

    Pixels are counted by cell, so memory grows with the cells that hold a class and not with
    pixels; a drawn cell's labels are read to find the pixel itself. Each pixel of a class is
    equally likely, except for the weights of scenes: a pixel of a scene of weight 2 is drawn twice
    as often as one of a scene of weight 1.
    """

    def __init__(
        self, scenes: Scenes, views: Sequence[SceneView], statistics: Sequence[SceneStatistics]
    ) -> None:
        """Restrict the counts to trainable pixels; partly trainable cells are counted again.

        Raises:
            SettingsError: no pixel is both labelled and trainable.
        """
        self._scenes, self._views = scenes, tuple(views)
        self._cells = tuple(item.cell for item in statistics)
        self._grid_cols = tuple(item.borders.shape[1] for item in statistics)
        self._starts = np.cumsum([0, *(item.borders.size for item in statistics)])
        parts = [
            self._restrict(scene, view, item)
            for scene, (view, item) in enumerate(zip(views, statistics, strict=True))
        ]
        counts = np.concatenate([part[0] for part in parts])
        borders = np.concatenate([part[1] for part in parts])
        self.counts = counts.sum(0)
        """``(K,)`` trainable pixels of each class."""
        weights = [info.weight for info in scenes.infos]
        shares: _Shares = counts
        if len(set(weights)) > 1:  # or draws would be others than those of whole numbers
            of_cell = np.repeat(weights, [len(part[0]) for part in parts])
            shares, borders = counts * of_cell[:, None], borders * of_cell
        self._classes = tuple(_Pool.of(of_class) for of_class in shares.T)
        self._borders = _Pool.of(borders)
        self._shares = np.array([pool.total for pool in self._classes], shares.dtype)
        if not self.counts.any():
            raise SettingsError(
                "no labelled pixel is left to train on; check that labels lie on the image, or "
                "make split.block or split.buffer smaller"
            )

    def _restrict(
        self, scene: int, view: SceneView, statistics: SceneStatistics
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return trainable pixels ``(cells, K)`` and border pixels ``(cells,)`` of a scene."""
        share = view.shares(statistics.cell)
        counts = np.where(share[..., None] > 0, statistics.counts, 0)
        borders = np.where(share > 0, statistics.borders, 0)
        for row, col in np.argwhere((share > 0) & (share < 1)).tolist():
            labels, border = self._look(scene, row, col)
            inside = np.bincount(labels[labels != IGNORE], minlength=counts.shape[-1])
            counts[row, col], borders[row, col] = inside, border.sum()
        return counts.reshape(-1, counts.shape[-1]), borders.reshape(-1)

    def _look(self, scene: int, row: int, col: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return trainable labels and border pixels of a cell."""
        info, cell = self._scenes.infos[scene], self._cells[scene]
        whole = Window(0, 0, info.height, info.width)
        window = Window(row * cell, col * cell, cell, cell)
        around = window.widen(1).intersect(whole) or whole
        labels = self._scenes.read_labels(scene, around)
        labels = np.where(self._views[scene].trainable(around), labels, np.int32(IGNORE))
        inner = window.shift(-around.row, -around.col).slices
        return labels[inner], border_pixels(labels)[inner]

    def draw_balanced(self, random: np.random.Generator) -> Place:
        """Draw a class evenly among those present, then one of its pixels."""
        return self._draw_class((self.counts > 0).astype(np.int64), random)

    def draw_foreground(self, random: np.random.Generator) -> Place:
        """Draw a pixel of any class but the first; any pixel when there is none."""
        shares = self._shares.copy()
        shares[0] = 0
        return self._draw_class(shares if shares.any() else self._shares, random)

    def draw_any(self, random: np.random.Generator) -> Place:
        """Draw a labelled pixel."""
        return self._draw_class(self._shares, random)

    def draw_border(self, random: np.random.Generator) -> Place:
        """Draw a pixel next to another class; any pixel when there is none."""
        if self._borders.total:
            for _ in range(_TRIES):
                place = self._find(self._borders, lambda labels, border: border, random)
                if place:
                    return place
        return self.draw_any(random)

    def is_trainable(self, place: Place) -> bool:
        """Tell whether a pixel is labelled and trainable."""
        window = Window(place.row, place.col, 1, 1)
        return bool(
            self._views[place.scene].trainable(window)[0, 0]
            and self._scenes.read_labels(place.scene, window)[0, 0] != IGNORE
        )

    def _draw_class(self, shares: _Shares, random: np.random.Generator) -> Place:
        label = _draw(np.cumsum(shares), random)
        place = self._find(self._classes[label], lambda labels, border: labels == label, random)
        if place is None:
            raise InputError(
                f"class {label} is not where it was counted; labels changed since their "
                f"statistics were made: delete the file of statistics"
            )
        return place

    def _find(
        self,
        pool: _Pool,
        wanted: Callable[[NDArray[np.int32], NDArray[np.bool_]], NDArray[np.bool_]],
        random: np.random.Generator,
    ) -> Place | None:
        """Draw a cell of a pool and one of the wanted pixels in it; None when it has none."""
        number = pool.draw(random)
        scene = int(np.searchsorted(self._starts, number, "right")) - 1
        row, col = divmod(number - int(self._starts[scene]), self._grid_cols[scene])
        hits = wanted(*self._look(scene, row, col))
        places = np.flatnonzero(hits)
        if not len(places):
            return None
        down, right = divmod(int(random.choice(places)), hits.shape[1])
        cell = self._cells[scene]
        return Place(scene, row * cell + down, col * cell + right)
