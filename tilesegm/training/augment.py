"""Changes to a training window that leave its meaning alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.training.settings import Augmentation

__all__ = ["illuminate", "orient", "resample"]


def orient(array: NDArray[Any], turn: int) -> NDArray[Any]:
    """Bring ``(H, W, ...)`` into orientation ``turn`` of the eight of a square (0 to 7)."""
    return np.rot90(array if turn < 4 else array[:, ::-1], turn % 4)


def illuminate(
    pixels: NDArray[np.float32], augmentation: Augmentation, random: np.random.Generator
) -> NDArray[np.float32]:
    """Multiply ``(H, W, bands)`` by a random exposure and tint: black stays black, as in light."""
    exposure = np.log1p(augmentation.exposure) * random.uniform(-1, 1)
    tint = np.log1p(augmentation.tint) * random.uniform(-1, 1, pixels.shape[-1])
    return np.asarray(pixels * np.exp(exposure + tint), np.float32)


def resample(
    pixels: NDArray[np.float32], labels: NDArray[np.int32], size: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Bring a square window to ``size`` pixels: linearly between pixels, nearest between labels."""
    side = labels.shape[0]
    if side == size:
        return pixels, labels
    centre = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
    low = np.minimum(centre.astype(np.intp), max(side - 2, 0))
    high = np.minimum(low + 1, side - 1)
    part = (centre - low).astype(np.float32)[:, None]
    rows = pixels[low] + (pixels[high] - pixels[low]) * part[..., None]
    resampled = rows[:, low] + (rows[:, high] - rows[:, low]) * part
    nearest = np.rint(centre).astype(np.intp)
    return resampled, labels[np.ix_(nearest, nearest)]
