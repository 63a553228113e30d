"""Training samples, each a function of its number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.augment.augmenter import Augmenter
from tilesegm.data.cutting import cut, window_around
from tilesegm.data.hardness import Hardness
from tilesegm.data.patch import IGNORE, Patch, Sample, SampleBatch, normalised
from tilesegm.data.sampling import Place, Places
from tilesegm.data.settings import AugmentationSettings, SamplingSettings
from tilesegm.data.training_data import TrainingData
from tilesegm.errors import SettingsError
from tilesegm.model.normalisation import Normalisation

__all__ = ["SampleStream", "StreamSettings"]


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """Settings of a stream."""

    size: int
    """Side of a window in pixels."""
    batch: int
    """Samples per batch."""
    sampling: SamplingSettings
    augmentation: AugmentationSettings
    seed: int = 0

    def __post_init__(self) -> None:
        for key, value in (("size", self.size), ("batch", self.batch)):
            if value < 1:
                raise SettingsError(f"schedule.{key} must be at least 1; received {value}")
        if self.seed < 0:
            raise SettingsError(f"seed must be at least 0; received {self.seed}")


class SampleStream:
    """Endless training samples that can be asked for by number.

    A sample depends on the seed, its number and `hard` alone. It is the same whenever, wherever
    and by whichever thread it is made, so training that was interrupted goes on with the samples
    that it would have had, any number of threads may read, and every backend sees the same.
    Methods may be called from several threads.

    Attributes:
        hard: places that the share ``hard`` of windows is drawn from; while None those windows
            lie anywhere. Replace it only while no dataset reads ahead.
    """

    hard: Hardness | None

    def __init__(
        self,
        data: TrainingData,
        settings: StreamSettings,
        normalisation: Normalisation,
        class_weights: NDArray[np.float32] | None = None,
    ) -> None:
        """Count trainable pixels; nothing is read of images.

        Args:
            data: scenes, and which of their pixels may be seen and learnt from.
            settings: windows and their changes.
            normalisation: applied last.
            class_weights: ``(K,)``, multiplied into the weights of pixels.

        Raises:
            SettingsError: no pixel is both labelled and trainable.
        """
        self.settings, self.hard = settings, None
        self.places = Places(data.scenes, data.views, data.statistics)
        self._data = data
        self._augmenter = Augmenter(settings.augmentation, data.bands)
        self._normalisation = normalisation
        self._class_weights = None if class_weights is None else np.asarray(class_weights, "f4")
        counts = self.places.counts
        rarity = np.divide(1.0, counts, where=counts > 0, out=np.zeros(len(counts)))
        self._rarity = rarity / rarity.sum()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and bands of a sample."""
        return self.settings.size, self.settings.size, self._data.scenes.bands

    @property
    def batch_size(self) -> int:
        """Samples per batch."""
        return self.settings.batch

    def sample(self, index: int) -> Sample:
        """Make one sample; at least one of its pixels has a label."""
        random = self._random(index)

        def draw() -> Patch:
            return self._patch(self._place(random), random)

        return self._finish(self._augmenter.mix(draw(), draw, random, self._rarity))

    def batch(self, index: int, part: int = 0, parts: int = 1) -> SampleBatch:
        """Stack the samples from ``index * batch`` on, or those of one of several equal parts."""
        count = self.settings.batch // parts
        first = index * self.settings.batch + part * count
        samples = [self.sample(number) for number in range(first, first + count)]
        names = ("pixels", "labels", "weights")
        return SampleBatch(*(np.stack([getattr(each, name) for each in samples]) for name in names))

    def place(self, index: int) -> Place:
        """Return the pixel that a sample lies around, without reading the image."""
        return self._place(self._random(index))

    def _random(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, index])

    def _place(self, random: np.random.Generator) -> Place:
        shares, level = self.settings.sampling, random.random()
        for share, draw in (
            (shares.balanced, self.places.draw_balanced),
            (shares.foreground, self.places.draw_foreground),
            (shares.border, self.places.draw_border),
            (shares.hard, self._draw_hard),
        ):
            if level < share:
                return draw(random)
            level -= share
        return self.places.draw_any(random)

    def _draw_hard(self, random: np.random.Generator) -> Place:
        place = self.hard.draw(random) if self.hard else None
        if place and self.places.is_trainable(place):
            return place
        return self.places.draw_any(random)

    def _patch(self, place: Place, random: np.random.Generator) -> Patch:
        """Read and change a window around a place."""
        geometry = self._augmenter.geometry(self.settings.size, random)
        scenes, view = self._data.scenes, self._data.views[place.scene]
        info = scenes.infos[place.scene]
        window = window_around(place, (info.height, info.width), geometry, random)
        patch = geometry.apply(cut(scenes, place.scene, view, window))
        return self._augmenter.colour(patch, random)

    def _finish(self, patch: Patch) -> Sample:
        """Normalise pixels, and weigh them."""
        learnt = patch.labels != IGNORE
        weights = learnt.astype(np.float32)
        if patch.weights is not None:
            weights *= patch.weights
        if self._class_weights is not None:
            weights *= self._class_weights[np.where(learnt, patch.labels, 0)]
        return Sample(normalised(patch, self._normalisation), patch.labels, weights)
