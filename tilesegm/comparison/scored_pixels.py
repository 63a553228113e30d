"""The pixels that all runs of a comparison are scored on, cut into units that are resampled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.data.split import SceneView
from tilesegm.data.training_data import TrainingData
from tilesegm.engine.decide import Decision
from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.metrics.surfaces import border
from tilesegm.model.base import Predictor
from tilesegm.training.settings.config import ValidationSettings
from tilesegm.training.validation.held_out import (
    Region,
    choose_regions,
    lay_validation_grids,
    read_truth,
    segment_held_out,
)

__all__ = ["Scored", "ScoredPixels"]

_SIDES = (1024, 512, 256, 128, 64, 32)
"""Sides of units in pixels, of which the largest is taken that gives enough of them."""
_ENOUGH = 12
_SQUARE = 2048
"""Pixels that are segmented at once, about, each way."""
_PLACES, _PLACE = 3, 96
"""Places that are shown, and their side in pixels."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A unit with what a network says of it."""

    truth: NDArray[np.int32]
    """``(height, width)`` class ids, or ``IGNORE``."""
    probabilities: NDArray[np.float32]
    """``(K, height, width)``; NaN where the image misses a pixel."""


class ScoredPixels:
    """Held-out and test pixels of a data set, the same for every run.

    Whole held-out windows are units where there are enough of them; otherwise they are cut into
    equal parts. A unit is scored on its own, with tiles that reach over its edges.

    Args:
        data: scenes and their split.
        settings: how held-out pixels are segmented; ``megapixels`` are scored at most, of each of
            validation and test.
        folds: parts of the split that are held out in turn.

    Raises:
        SettingsError: nothing is held out, or a class is missing there.
    """

    def __init__(
        self, data: TrainingData, settings: ValidationSettings, folds: Sequence[int]
    ) -> None:
        self.data, self.scenes, self._settings = data, data.scenes, settings
        self.classes = [info.name for info in data.scenes.classes]
        self.notes: list[str] = []
        self._squares: dict[Region, tuple[int, Window]] = {}
        views = {fold: data.split.views(fold) for fold in folds}
        self.validation = {
            fold: self._units(views[fold], "held_out", f"fold {fold}") for fold in folds
        }
        self.first_fold = folds[0]
        """The fold whose validation pixels are shown where there are no test pixels."""
        self.test = self._units(views[folds[0]], "test", "the test")
        for fold, units in self.validation.items():
            self._check(fold, units)

    @property
    def decided_on(self) -> str:
        """Say on what pixels runs are compared."""
        if self.test:
            return "test pixels, with thresholds that validation pixels chose"
        return "validation pixels, each half with the threshold that the other half chose"

    def score(self, predictor: Predictor, units: Sequence[Region]) -> Iterator[Scored]:
        """Segment units as `predict` would, and yield their probabilities.

        Raises:
            SourceError: pixels cannot be read.
            ModelError: the network gives NaN or infinite scores.
        """
        spec = predictor.spec
        grids = lay_validation_grids(self.scenes, spec, self._settings)
        decision = Decision(len(spec.classes), spec.probabilities, scores="float32")
        # Neighbours share tiles: units of a scene are segmented together, in bounded squares.
        for (scene, whole), group in groupby(units, key=self._square):
            found = np.empty((len(self.classes), whole.height, whole.width), np.float32)
            for part in segment_held_out(
                [Region(scene, whole)],
                self.scenes,
                predictor,
                grids,
                batch=self._batch,
                decision=decision,
            ):
                assert part.scores is not None
                place = part.window.shift(-whole.row, -whole.col)
                found[:, *place.slices] = part.scores
            for unit in group:
                inner = unit.window.shift(-whole.row, -whole.col)
                yield Scored(self.truth(unit), found[:, *inner.slices])

    def truth(self, unit: Region) -> NDArray[np.int32]:
        """Return the labels of a unit, ``IGNORE`` where nothing is held out."""
        return read_truth(self.scenes, unit, unit.window)

    def places(self) -> list[tuple[int, Window]]:
        """Return units and windows in them where the truth has most borders, of several scenes."""
        units = self.test or self.validation[self.first_fold]
        best: dict[int, tuple[int, int, Window]] = {}
        for number, unit in enumerate(units):
            count, window = _most_borders(self.truth(unit))
            if count > best.get(unit.scene, (-1,))[0]:
                best[unit.scene] = (count, number, window)
        ranked = sorted(best.values(), key=lambda one: (-one[0], one[1]))[:_PLACES]
        return [(number, window) for _, number, window in ranked]

    @property
    def _batch(self) -> int:
        return max(1, (512 // self._settings.tile) ** 2)

    def _units(self, views: Sequence[SceneView], kind: str, what: str) -> tuple[Region, ...]:
        windows = [getattr(view, kind) for view in views]
        allowed = self._settings.megapixels
        regions = choose_regions(windows, tile=_SIDES[0], megapixels=allowed, seed=0)
        pixels = sum(window.pixels for each in windows for window in each)
        taken = sum(region.window.pixels for region in regions)
        if allowed is not None and pixels > allowed * 1e6:
            self.notes.append(
                f"{taken:,} of {pixels:,} pixels of {what} are scored; validation.megapixels "
                f"({allowed:g}) sets how many"
            )
        squares = [part for region in regions for part in _cut(region, _SQUARE)]
        for side in _SIDES:
            units = {
                part: (square.scene, square.window)
                for square in squares
                for part in _cut(square, side)
                if (self.truth(part) != IGNORE).any()
            }
            if len(units) >= _ENOUGH:
                break
        self._squares |= units
        return tuple(units)

    def _square(self, unit: Region) -> tuple[int, Window]:
        """Return the scene and window that a unit is segmented with."""
        return self._squares[unit]

    def _check(self, fold: int, units: Sequence[Region]) -> None:
        if not units:
            raise SettingsError(
                f"fold {fold} holds no labelled pixel out, and runs are compared on held-out "
                "pixels; hold scenes or blocks out (split), or give scenes the role validation"
            )
        seen = np.zeros(len(self.classes), np.int64)
        for unit in units:
            labels = self.truth(unit)
            seen += np.bincount(labels[labels != IGNORE], minlength=len(seen))
        absent = [name for name, count in zip(self.classes, seen, strict=True) if not count]
        if absent and len(self.classes) - len(absent) < 2:
            raise SettingsError(
                f"validation of fold {fold} shows {self.classes[int(seen.argmax())]!r} alone and "
                f"no {', '.join(map(repr, absent))}; choose another split.fold or split.seed, or "
                "smaller blocks (split.block)"
            )
        if absent:
            self.notes.append(
                f"validation of fold {fold} shows no {', '.join(map(repr, absent))}: no threshold "
                "is chosen for it there, and means over classes leave it out"
            )


def _cut(region: Region, side: int) -> Iterator[Region]:
    """Cut a region into equal parts of at most about ``side`` pixels each way."""
    window = region.window
    rows, cols = (max(1, round(length / side)) for length in (window.height, window.width))
    tops = np.linspace(0, window.height, rows + 1).round().astype(int).tolist()
    lefts = np.linspace(0, window.width, cols + 1).round().astype(int).tolist()
    for top, bottom in pairwise(tops):
        for left, right in pairwise(lefts):
            part = Window(window.row + top, window.col + left, bottom - top, right - left)
            yield Region(region.scene, part, region.counted)


def _most_borders(labels: NDArray[np.int32]) -> tuple[int, Window]:
    """Return the window of a unit with most border pixels, and their number."""
    edge = border(np.where(labels == IGNORE, 65535, labels).astype(np.uint16))
    height, width = (min(_PLACE, side) for side in edge.shape)
    sums = np.pad(edge.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    corners = sliding_window_view(sums, (height + 1, width + 1))[::8, ::8]
    counts = corners[..., -1, -1] - corners[..., 0, -1] - corners[..., -1, 0] + corners[..., 0, 0]
    row, col = np.unravel_index(counts.argmax(), counts.shape)
    return int(counts.max()), Window(8 * int(row), 8 * int(col), height, width)
