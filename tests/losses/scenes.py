"""Small labels and scores that every loss can take."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tilesegm.losses import LOSSES
from tilesegm.losses.recipes import RECIPES

NAMES = (*LOSSES, *RECIPES)
IGNORE = 255


@dataclass(frozen=True)
class Tiles:
    """Labels ``(N, H, W)``, logits ``(N, H, W, K)`` and pixel weights ``(N, H, W)``."""

    labels: np.ndarray
    logits: np.ndarray
    weight: np.ndarray

    @property
    def one_hot(self) -> np.ndarray:
        """Labels as ``(N, H, W, K)``; ignored pixels are all zero."""
        return (self.labels[..., None] == np.arange(self.logits.shape[-1])).astype(np.float32)

    def take(self, images: list[int]) -> Tiles:
        """Return the images asked for, any of them repeatedly."""
        return Tiles(self.labels[images], self.logits[images], self.weight[images])

    def with_hole(self) -> Tiles:
        """Return the tiles with a patch and a few single pixels ignored."""
        labels = self.labels.copy()
        labels[:, 3:6, 8:12] = IGNORE
        labels[0, ::5, ::7] = IGNORE
        return replace(self, labels=labels)


def tiles(name: str = "CrossEntropy", images: int = 2, size: int = 14) -> Tiles:
    """Draw stripes and discs, and logits that are partly right; same answer at each call."""
    channels = 1 if name == "LovaszHinge" else 3
    rng = np.random.default_rng(7)
    rows, cols = np.mgrid[:size, :size]
    labels = np.zeros((images, size, size), np.int32)
    for image in range(images):
        row, col = rng.uniform(0.3, 0.7, 2) * size
        labels[image][np.hypot(rows - row, cols - col) < size / 4] = 1
        labels[image][np.abs(rows + cols - size * (0.6 + 0.5 * image)) < 2] = 2
    if channels == 1:
        labels = np.minimum(labels, 1)
        lean = 2.0 * labels[..., None] - 1.0
    else:
        lean = np.eye(channels)[labels]
    logits = 1.5 * lean + rng.normal(0.0, 1.5, (*labels.shape, channels))
    weight = rng.uniform(0.2, 2.0, labels.shape)
    return Tiles(labels, logits.astype(np.float32), weight.astype(np.float32))
