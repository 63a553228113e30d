"""Held-out pixels as windows: the tiles of validation, each with the pixels that it decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tilesegm.data.patch import IGNORE, Sample, SampleBatch, normalised
from tilesegm.data.training_data import TrainingData
from tilesegm.grid.tiles import TileGrid
from tilesegm.grid.window import Window
from tilesegm.model.normalisation import Normalisation

__all__ = ["HeldOutWindows", "Place"]


@dataclass(frozen=True)
class Place:
    """Where a window lies, and what of it counts."""

    scene: int
    """Number of the scene."""
    window: Window
    """May leave the image at its lower and right edge."""
    counted: tuple[Window, ...]
    """Held-out pixels that lie nearer to the middle of this window than of any other."""


class HeldOutWindows:
    """Windows that show every held-out pixel with its label once.

    Windows of all scenes have one size, and show what lies around held-out pixels as far as the
    image goes, as `predict` does. Methods may be called from several threads.

    Args:
        data: scenes and their split.
        grids: tiles of each scene, cut where neighbours meet.
        normalisation: of the pixels.
        batch_size: windows per batch; the last batch may have fewer.
        kind: which windows of the split.
    """

    def __init__(
        self,
        data: TrainingData,
        grids: Sequence[TileGrid],
        normalisation: Normalisation,
        batch_size: int,
        kind: Literal["held_out", "test"],
    ) -> None:
        self._data, self._normalisation = data, normalisation
        self.batch_size = batch_size
        self.places = tuple(
            place
            for number, (view, grid) in enumerate(zip(data.views, grids, strict=True))
            for place in _places(number, grid, getattr(view, kind))
        )
        height, width = (max(grid.tile[axis] for grid in grids) for axis in range(2))
        self.shape = height, width, data.scenes.bands

    @property
    def batches(self) -> int:
        """Number of batches."""
        return -(-len(self.places) // self.batch_size)

    def sample(self, index: int) -> Sample:
        """Read one window.

        Labels are ``IGNORE``, and weights 0, where the window does not count; other weights are 1.
        """
        place = self.places[index]
        scenes = self._data.scenes
        window = place.window
        inside = window.intersect(scenes.images[place.scene].window)
        assert inside is not None
        patch = scenes.read(place.scene, inside)
        pixels = np.zeros(self.shape, np.float32)
        pixels[: inside.height, : inside.width] = normalised(patch, self._normalisation)
        labels = np.full(self.shape[:2], IGNORE, np.int32)
        for part in place.counted:
            here = part.shift(-window.row, -window.col).slices
            labels[here] = patch.labels[here]
        return Sample(pixels, labels, (labels != IGNORE).astype(np.float32))

    def batch(self, index: int) -> SampleBatch:
        """Stack the windows of one batch."""
        first = index * self.batch_size
        numbers = range(first, min(first + self.batch_size, len(self.places)))
        samples = [self.sample(number) for number in numbers]
        names = ("pixels", "labels", "weights")
        return SampleBatch(*(np.stack([getattr(each, name) for each in samples]) for name in names))


def _places(scene: int, grid: TileGrid, held_out: Sequence[Window]) -> list[Place]:
    """Lay the tiles of a grid that decide held-out pixels, from top to bottom."""
    counted: dict[tuple[int, int], list[Window]] = {}
    for window in held_out:
        for row in grid.rows.cover(window.row, window.stop_row):
            for col in grid.cols.cover(window.col, window.stop_col):
                down, right = grid.rows.spans[row], grid.cols.spans[col]
                own = Window(
                    down.first, right.first, down.last - down.first, right.last - right.first
                )
                part = window.intersect(own)
                if part is not None:
                    counted.setdefault((row, col), []).append(part)
    height, width = grid.tile
    return [
        Place(
            scene,
            Window(grid.rows.spans[row].start, grid.cols.spans[col].start, height, width),
            tuple(parts),
        )
        for (row, col), parts in sorted(counted.items())
    ]
