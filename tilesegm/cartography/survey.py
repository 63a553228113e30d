"""What a class map holds: areas and confidence of its classes, and where it is least certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.shrinking import aligned_windows
from tilesegm.classes import ClassInfo
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import Georeference, Source
from tilesegm.source.ground import RowAreas

__all__ = ["Survey", "survey_map"]

_CELL = 256
"""Side of the places of which the least certain are found, in pixels; more in very large maps."""
_MOST_CELLS = 1024
"""Places along a side of a map."""
_IDS = 1 << 16
_ROUNDING = 1e-3
_ENOUGH = 0.5
"""Part of a place that must have a class before its confidence counts."""


@dataclass(frozen=True, eq=False)
class Survey:
    """All pixels of a class map, counted."""

    values: tuple[int, ...]
    """Ids that occur."""
    classes: tuple[ClassInfo, ...]
    """Their names and colours."""
    pixels: NDArray[np.int64]
    """``(classes,)`` pixels of each."""
    areas: NDArray[np.float64]
    """``(classes,)`` area of each, in ``unit``."""
    missing: int
    """Pixels without a class."""
    ground: RowAreas
    confidence: NDArray[np.float64] | None
    """``(classes,)`` mean confidence of each class, 0 to 1; NaN where it is not known."""
    mean_confidence: float | None
    """Of all pixels that have one."""
    least_certain: tuple[tuple[Window, float], ...]
    """Places whose mean confidence is below that of the map, lowest first, and that mean."""


def survey_map(
    shown: ShownMap,
    place: Georeference,
    confidence: Source | None,
    places: int,
    on_progress: Callable[[float], None],
) -> Survey:
    """Read all pixels of a map, and of its confidence, once and in bounded memory.

    Args:
        shown: the map.
        place: where it lies, or how large its pixels are.
        confidence: values from 0 to 1 on the grid of the map.
        places: least certain places to find, of which no two touch.
        on_progress: called with the fraction that was read.

    Raises:
        SourceError: pixels cannot be read, or are no ids of a class map.
    """
    info = shown.info
    cell = _CELL
    while max(info.height, info.width) > cell * _MOST_CELLS:
        cell *= 2
    ground = RowAreas.of(place, info.height)
    sums = _Sums(info.height, info.width, cell, ground)
    done = 0
    with shown.open() as source:
        for window in aligned_windows(source, cell):
            read = source.read(window)
            ids = read.values[..., 0]
            valid = np.ones(ids.shape, bool) if read.valid is None else read.valid
            known = None
            if confidence is not None:
                sure = confidence.read(window)
                values = sure.values[..., 0].astype(np.float64)
                seen = valid if sure.valid is None else valid & sure.valid
                known = np.where(seen & np.isfinite(values), values, np.nan)
                _check_confidence(confidence, known)
            sums.add(window, ids, valid, known, info.uri)
            done += window.pixels
            on_progress(done / info.pixels)
    found = np.flatnonzero(sums.pixels)
    counted = sums.known[found]
    with np.errstate(invalid="ignore"):
        means = sums.certain[found] / counted
    total = int(counted.sum())
    return Survey(
        values=tuple(found.tolist()),
        classes=shown.classes_of(found),
        pixels=sums.pixels[found],
        areas=sums.areas[found],
        missing=info.pixels - int(sums.pixels.sum()),
        ground=ground,
        confidence=means if total else None,
        mean_confidence=float(sums.certain.sum() / total) if total else None,
        least_certain=sums.least_certain(info.window, places) if total else (),
    )


def _check_confidence(source: Source, known: NDArray[np.float64]) -> None:
    low, high = np.fmin.reduce(known, axis=None), np.fmax.reduce(known, axis=None)
    if low < 0 or high > 1 + _ROUNDING:
        raise SourceError(
            f"{source.info.uri} holds values from {low:g} to {high:g}; expected confidence from 0 "
            "to 1, as stored or by the scale that the file tells"
        )


class _Sums:
    """Counts that grow window by window."""

    def __init__(self, height: int, width: int, cell: int, ground: RowAreas) -> None:
        self.pixels = np.zeros(_IDS, np.int64)
        self.areas = np.zeros(_IDS)
        self.certain, self.known = np.zeros(_IDS), np.zeros(_IDS, np.int64)
        self._cell, self._rows = cell, ground.rows
        self._even = bool((ground.rows == ground.rows[0]).all())
        shape = -(-height // cell), -(-width // cell)
        self._sums, self._counts = np.zeros(shape), np.zeros(shape, np.int64)

    def add(
        self,
        window: Window,
        ids: NDArray[np.integer],
        valid: NDArray[np.bool_],
        known: NDArray[np.float64] | None,
        uri: str,
    ) -> None:
        """Add a window; ``known`` is its confidence, NaN where there is none."""
        flat = ids[valid].astype(np.int64)
        if flat.size and (flat.min() < 0 or flat.max() >= _IDS):
            raise SourceError(
                f"{uri} holds values from {flat.min()} to {flat.max()}; expected class ids from 0 "
                f"to {_IDS - 1}: is it a class map? --nodata leaves a value out"
            )
        counts = np.bincount(flat, minlength=_IDS)
        self.pixels += counts
        if self._even:
            self.areas += counts * self._rows[0]
        else:
            weights = np.broadcast_to(self._rows[window.row : window.stop_row, None], ids.shape)
            self.areas += np.bincount(flat, weights[valid], _IDS)
        if known is None:
            return
        there = valid & np.isfinite(known)
        values, classes = known[there], ids[there].astype(np.int64)
        self.certain += np.bincount(classes, values, _IDS)
        self.known += np.bincount(classes, minlength=_IDS)
        rows, cols = (np.arange(0, side, self._cell) for side in ids.shape)
        part = Window(window.row // self._cell, window.col // self._cell, len(rows), len(cols))
        for target, numbers in ((self._sums, np.where(there, known, 0)), (self._counts, there)):
            summed = np.add.reduceat(numbers, rows, 0, dtype=target.dtype)
            target[part.slices] = np.add.reduceat(summed, cols, 1)

    def least_certain(self, whole: Window, places: int) -> tuple[tuple[Window, float], ...]:
        """Return the places with the lowest means, of which no two touch."""
        full = self._cell**2
        for least in (_ENOUGH * full, 1):
            enough = self._counts >= least
            if enough.any():
                break
        means = np.where(enough, self._sums / np.maximum(self._counts, 1), np.inf)
        means[means >= self._sums.sum() / max(int(self._counts.sum()), 1)] = np.inf
        found: list[tuple[Window, float]] = []
        while len(found) < places and np.isfinite(means).any():
            row, col = np.unravel_index(int(means.argmin()), means.shape)
            square = Window(
                int(row) * self._cell, int(col) * self._cell, self._cell, self._cell
            ).intersect(whole)
            assert square is not None
            found.append((square, float(means[row, col])))
            means[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2] = np.inf
        return tuple(found)
