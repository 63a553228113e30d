"""The best and the worst windows among many, kept as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.grid.window import Window
from tilesegm.source.band_names import visible_bands
from tilesegm.training.result import Picture
from tilesegm.training.validation.held_out import ValidatedRegion

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes

__all__ = ["Gallery"]

_SIDE = 384
_LABELLED = 0.1


class Gallery:
    """Keeps a few squares with the most, and a few with the fewest pixels of the right class.

    Squares with labels on less than a tenth of their pixels are left out.

    Args:
        scenes: where pixels are read for pictures.
        count: pictures of each kind.
    """

    def __init__(self, scenes: Scenes, count: int = 3) -> None:
        self._scenes, self._count = scenes, count
        self._kept: list[_Square] = []

    def add(self, region: ValidatedRegion) -> None:
        """Consider the squares of a region."""
        origin = region.window
        for place in origin.tiles(_SIDE):
            cut = place.shift(-origin.row, -origin.col).slices
            truth, predicted = region.truth[cut].copy(), region.predicted[cut].copy()
            labelled = truth != IGNORE
            if labelled.mean() >= _LABELLED:
                accuracy = float((predicted == truth)[labelled].mean())
                self._kept.append(_Square(accuracy, region.scene, place, truth, predicted))
        self._kept.sort(key=lambda square: square.accuracy)
        if len(self._kept) > 2 * self._count:
            self._kept = self._kept[: self._count] + self._kept[-self._count :]

    def worst(self) -> tuple[Picture, ...]:
        """Return pictures of the worst squares, the worst first."""
        half = min(self._count, len(self._kept) // 2)
        return tuple(self._picture(square) for square in self._kept[:half])

    def best(self) -> tuple[Picture, ...]:
        """Return pictures of the best squares, the best first."""
        half = min(self._count, -(-len(self._kept) // 2))
        return tuple(self._picture(square) for square in self._kept[::-1][:half])

    def _picture(self, square: _Square) -> Picture:
        window = square.window
        patch = self._scenes.read(square.scene, window)
        shown = visible_bands(self._scenes.band_names, self._scenes.bands)
        return Picture(
            scene=self._scenes.infos[square.scene].name,
            row=window.row,
            col=window.col,
            accuracy=square.accuracy,
            pixels=patch.pixels[..., shown],
            valid=patch.valid,
            truth=square.truth,
            predicted=square.predicted,
        )


@dataclass(frozen=True, eq=False)
class _Square:
    accuracy: float
    scene: int
    window: Window
    truth: NDArray[np.int32]
    predicted: NDArray[Any]
