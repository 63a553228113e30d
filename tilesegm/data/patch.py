"""Values of a window: as it is read from a scene, and as a network learns from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IGNORE", "Patch", "Sample", "SampleBatch"]

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
