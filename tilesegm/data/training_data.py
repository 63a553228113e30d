"""Scenes to learn from, with the use of each pixel and the statistics of those learnt from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.scenes import Scenes
from tilesegm.data.split import SceneView, Split, band_statistics, scene_counts
from tilesegm.data.statistics import BandStatistics, SceneStatistics
from tilesegm.model.normalisation import Normalisation

__all__ = ["TrainingData"]


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no truth value
class TrainingData:
    """Everything that samples are made of; scenes, views and statistics have one order."""

    scenes: Scenes
    split: Split
    views: tuple[SceneView, ...]
    """Use of the pixels of each scene."""
    statistics: tuple[SceneStatistics, ...]
    """Of each scene, held-out pixels included."""
    bands: BandStatistics
    """Of the pixels that are learnt from."""

    @classmethod
    def of(
        cls, scenes: Scenes, statistics: Sequence[SceneStatistics], split: Split, fold: int
    ) -> Self:
        """Learn from everything but a fold of the split.

        Args:
            scenes: images with labels.
            statistics: one per scene.
            split: of the same scenes.
            fold: the fold that is held out.

        Raises:
            SettingsError: the split has no such fold, or leaves nothing to learn from.
        """
        views, statistics = split.views(fold), tuple(statistics)
        bands = band_statistics(statistics, views)
        return cls(scenes=scenes, split=split, views=views, statistics=statistics, bands=bands)

    @cached_property
    def scene_counts(self) -> NDArray[np.int64]:
        """``(M, K)`` labelled pixels of each class that are learnt from, in each scene."""
        return scene_counts(self.statistics, self.views)

    @property
    def counts(self) -> NDArray[np.int64]:
        """``(K,)`` labelled pixels of each class that are learnt from."""
        total: NDArray[np.int64] = self.scene_counts.sum(axis=0)
        return total

    @property
    def standardisation(self) -> Normalisation:
        """Bring each band to mean 0 and deviation 1 over the pixels that are learnt from."""
        # A constant band says nothing: a deviation of 1 leaves it at 0 instead of dividing by 0.
        deviation = [d if d > 0 and math.isfinite(d) else 1.0 for d in self.bands.deviation]
        return Normalisation.of_statistics(self.bands.mean, deviation)
