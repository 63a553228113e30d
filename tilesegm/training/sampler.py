"""Random training windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.training.augment import illuminate, orient, resample
from tilesegm.training.sample import Sample
from tilesegm.training.settings import TrainingSettings

__all__ = ["Sampler"]

# Places remembered for each class; enough that windows hardly repeat, few enough for any image.
_PLACES = 20_000


class Sampler:
    """Draws batches of windows, the same ones for the same seed.

    A share of the windows (``settings.balance``) is placed over a pixel of a class that is drawn
    evenly among the classes present, so that a class of a few pixels is seen as often as any
    other; the rest lies anywhere.
    """

    def __init__(self, samples: Sequence[Sample], classes: int, settings: TrainingSettings) -> None:
        """Look for the classes in the labels.

        Raises:
            SettingsError: If samples are missing or disagree in bands, or a label is out of range.
        """
        if not samples:
            raise SettingsError("no samples to train on; pass at least one image with labels")
        bands = {sample.bands for sample in samples}
        if len(bands) > 1:
            raise SettingsError(f"samples have different numbers of bands: {sorted(bands)}")
        self.samples = tuple(samples)
        self.bands = bands.pop()
        self.settings = settings
        self._random = np.random.default_rng(settings.seed)
        self._share = np.array([sample.labels.size for sample in samples], float)
        self._share /= self._share.sum()
        self._places = self._find_places(classes)

    def _find_places(self, classes: int) -> list[NDArray[np.intp]]:
        """Return for each class present its places, ``(n, 3)``: sample, row, col."""
        places: list[list[NDArray[np.intp]]] = [[] for _ in range(classes)]
        for index, sample in enumerate(self.samples):
            found = np.unique(sample.labels)
            wrong = found[((found < 0) | (found >= classes)) & (found != self.settings.ignore)]
            if len(wrong):
                raise SettingsError(
                    f"labels {wrong[:5].tolist()} are no class of 0 to {classes - 1}; remap them, "
                    f"or pass them as ignore (now {self.settings.ignore})"
                )
            width = sample.labels.shape[1]
            for label in found[found != self.settings.ignore]:
                flat = np.flatnonzero(sample.labels == label)
                if len(flat) > _PLACES:
                    flat = self._random.choice(flat, _PLACES, replace=False)
                places[int(label)].append(
                    np.stack([np.full(len(flat), index), flat // width, flat % width], 1)
                )
        return [np.concatenate(found) for found in places if found]

    def batches(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
        """Yield pixels ``(N, size, size, bands)`` and labels ``(N, size, size)`` without end."""
        while True:
            windows = [self._draw() for _ in range(self.settings.batch)]
            yield np.stack([pixels for pixels, _ in windows]), np.stack([y for _, y in windows])

    def _draw(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        settings, random = self.settings, self._random
        zoom = np.log1p(settings.augmentation.zoom) * random.uniform(-1, 1)
        side = max(1, round(settings.size * float(np.exp(zoom))))
        pixels, labels = self._cut(*self._place(side), side)
        pixels, labels = resample(pixels, labels, settings.size)
        turn = int(random.integers(8)) if settings.augmentation.rotate else 0
        pixels = illuminate(pixels, settings.augmentation, random)
        return orient(pixels, turn), orient(labels, turn)

    def _place(self, side: int) -> tuple[int, int, int]:
        """Return sample, row and column of a window's upper left corner."""
        random = self._random
        if self._places and random.random() < self.settings.balance:
            places = self._places[random.integers(len(self._places))]
            index, row, col = places[random.integers(len(places))]
            row, col = row - random.integers(side), col - random.integers(side)
        else:
            index = random.choice(len(self.samples), p=self._share)
            height, width = self.samples[index].labels.shape
            row = random.integers(max(height - side, 0) + 1)
            col = random.integers(max(width - side, 0) + 1)
        height, width = self.samples[index].labels.shape
        return int(index), _inside(int(row), side, height), _inside(int(col), side, width)

    def _cut(
        self, index: int, row: int, col: int, side: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Read a square window; what lies beyond a small image is mirrored and not learnt from."""
        sample, ignore = self.samples[index], self.settings.ignore
        height, width = sample.labels.shape
        window = Window(row, col, min(side, height), min(side, width))
        pixels, labels = sample.read(window, ignore)
        beyond = ((0, side - window.height), (0, side - window.width))
        if any(after for _, after in beyond):
            pixels = np.pad(pixels, (*beyond, (0, 0)), mode="symmetric")
            labels = np.pad(labels, beyond, constant_values=ignore)
        return pixels, labels


def _inside(start: int, side: int, length: int) -> int:
    """Move a window's start so that it lies in the image, or at 0 when the image is smaller."""
    return max(0, min(start, length - side))
