"""All changes that the settings ask for, each drawn when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.augment.colour import Colour
from tilesegm.data.augment.geometry import Geometry, draw_geometry
from tilesegm.data.augment.mix import copy_paste, cut_mix, mix_up
from tilesegm.data.patch import Patch
from tilesegm.data.settings import AugmentationSettings
from tilesegm.data.statistics import BandStatistics

__all__ = ["Augmenter"]


class Augmenter:
    """Changes training windows: where pixels lie, how they look, and what they are mixed with.

    It holds no state: the same generator in the same state gives the same result, in any thread.
    """

    def __init__(self, settings: AugmentationSettings, bands: BandStatistics) -> None:
        """Keep the settings and the range of each band of the training pixels."""
        self.settings = settings
        self._colour = Colour(settings, bands)

    def geometry(self, size: int, random: np.random.Generator) -> Geometry:
        """Draw a change of place for windows of ``size``; read ``side`` pixels and apply it."""
        return draw_geometry(size, self.settings, random)

    def colour(self, patch: Patch, random: np.random.Generator) -> Patch:
        """Change pixel values of ``(height, width, bands)``; the result is float32.

        Invalid pixels keep their values and lend nothing to others.
        """
        pixels = patch.pixels.astype(np.float32, copy=False)
        return replace(patch, pixels=self._colour(pixels, patch.valid, random))

    def mix(
        self,
        patch: Patch,
        other: Callable[[], Patch],
        random: np.random.Generator,
        rare: NDArray[np.floating],
    ) -> Patch:
        """Mix with other windows: copy-paste, CutMix and MixUp, each for its share of windows.

        Args:
            patch: a window after geometry and colour.
            other: gives another window, likewise, of the same shape; called once for each mixing
                that is drawn, and not at all for most windows.
            random: source of chance.
            rare: share ``(classes,)`` with which copy-paste chooses each class.
        """
        settings = self.settings
        if settings.copy_paste and random.uniform() < settings.copy_paste:
            patch = copy_paste(patch, other(), random, rare)
        if settings.cutmix and random.uniform() < settings.cutmix:
            patch = cut_mix(patch, other(), random)
        if settings.mixup and random.uniform() < settings.mixup:
            patch = mix_up(patch, other(), random)
        return patch
