"""An image with the class of every pixel: what a network learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.model.normalisation import Normalisation
from tilesegm.source.base import Source

__all__ = ["Sample", "measure_normalisation"]


@dataclass(frozen=True)
class Sample:
    """An image and its labels.

    ``image`` is an array ``(H, W, bands)`` or an open source, which is read by windows and may
    therefore be larger than memory. ``labels`` holds a class id a pixel, ``(H, W)``, of any
    integer dtype; an array that is mapped from disk will do.
    """

    image: NDArray[Any] | Source
    labels: NDArray[Any]

    def __post_init__(self) -> None:
        if self.labels.ndim != 2 or not np.issubdtype(self.labels.dtype, np.integer):
            raise SettingsError(
                f"labels are an integer array (H, W); received {self.labels.dtype} of shape "
                f"{self.labels.shape}"
            )
        shape = self._image_shape
        if len(shape) != 3 or shape[:2] != self.labels.shape:
            raise SettingsError(
                f"an image (H, W, bands) and its labels (H, W) cover the same pixels; received "
                f"an image of shape {shape} and labels of shape {self.labels.shape}"
            )

    @property
    def _image_shape(self) -> tuple[int, ...]:
        if isinstance(self.image, np.ndarray):
            return self.image.shape
        info = self.image.info
        return info.height, info.width, info.bands

    @property
    def bands(self) -> int:
        """Number of bands of the image."""
        return self._image_shape[2]

    def read(self, window: Window, ignore: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return pixels and labels of ``window``; missing pixels carry the label ``ignore``."""
        labels = np.array(self.labels[window.slices], np.int32)
        if isinstance(self.image, np.ndarray):
            return self.image[window.slices].astype(np.float32), labels
        pixels = self.image.read(window)
        if pixels.valid is not None:
            labels[~pixels.valid] = ignore
        return pixels.values.astype(np.float32), labels


def measure_normalisation(
    samples: tuple[Sample, ...], ignore: int, *, windows: int = 64, size: int = 128, seed: int = 0
) -> Normalisation:
    """Measure mean and standard deviation of each band on random windows.

    Args:
        samples: Images; each is drawn in proportion to its pixels.
        ignore: Label of pixels that are not counted.
        windows: Windows to read.
        size: Side of a window in pixels.
        seed: Seed of the places.

    Raises:
        SettingsError: If every pixel that was read is to be ignored.
    """
    random = np.random.default_rng(seed)
    share = np.array([sample.labels.size for sample in samples], float)
    values = []
    for index in random.choice(len(samples), windows, p=share / share.sum()):
        height, width = samples[index].labels.shape
        rows, cols = min(size, height), min(size, width)
        row, col = random.integers(height - rows + 1), random.integers(width - cols + 1)
        pixels, labels = samples[index].read(Window(int(row), int(col), rows, cols), ignore)
        values.append(pixels[labels != ignore])
    pixels = np.concatenate(values)
    if not len(pixels):
        raise SettingsError(f"no labelled pixel was found; every label read is {ignore} (ignore)")
    # A constant band says nothing: a deviation of 1 leaves it at 0 instead of dividing by 0.
    deviation = pixels.std(0, dtype=np.float64)
    return Normalisation.of_statistics(
        pixels.mean(0, dtype=np.float64).tolist(),
        np.where(deviation > 0, deviation, 1.0).tolist(),
    )
