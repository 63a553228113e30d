"""Values of a window: as it is read from a scene, and as a network learns from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.model.normalisation import Normalisation

__all__ = ["IGNORE", "Patch", "Sample", "SampleBatch", "normalised"]

IGNORE = -1
"""Label of pixels that are not learnt from, whatever stands for them in files."""


@dataclass(frozen=True)
class Patch:
    """A window of a scene as it was read."""

    pixels: NDArray[Any]
    """``(height, width, bands)`` raw values, in the image's dtype or float32."""
    valid: NDArray[np.bool_]
    """``(height, width)``, False where a pixel is missing or must not be seen."""
    labels: NDArray[np.int32]
    """``(height, width)`` class ids, or ``IGNORE``, which invalid pixels always hold."""
    weights: NDArray[np.float32] | None = None
    """``(height, width)`` weights of pixels, moved along with the labels; None when all are 1."""


@dataclass(frozen=True)
class Sample:
    """A window that is ready for a network."""

    pixels: NDArray[np.float32]
    """``(size, size, bands)`` normalised; 0 where a pixel is missing."""
    labels: NDArray[np.int32]
    """``(size, size)`` class ids or ``IGNORE``."""
    weights: NDArray[np.float32]
    """``(size, size)``."""


@dataclass(frozen=True)
class SampleBatch(Sample):
    """Samples of one step, stacked along an axis in front of the others."""


def normalised(patch: Patch, normalisation: Normalisation) -> NDArray[np.float32]:
    """Return the pixels as a network takes them, 0 where they are missing."""
    offset, scale = (np.asarray(n, np.float32) for n in (normalisation.offset, normalisation.scale))
    pixels: NDArray[np.float32] = np.subtract(patch.pixels, offset, dtype=np.float32)
    pixels *= scale
    pixels[~patch.valid] = 0
    return pixels
