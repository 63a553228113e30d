"""Statistics of scenes, kept apart for each cell so that those of any part can be had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BandStatistics", "SceneStatistics", "cell_side"]

_LARGEST, _SMALLEST = 64, 16
_CELLS = 2**18
"""Cells that cost little: some 200 bytes each with ten classes and bands."""


@dataclass(frozen=True)
class BandStatistics:
    """Values of each band."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    """Standard deviation of all pixels that were counted."""
    low: tuple[float, ...]
    """About the 1st percentile."""
    high: tuple[float, ...]
    """About the 99th percentile."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value: compared by identity
class SceneStatistics:
    """What one scene is like, by cells of ``cell`` x ``cell`` pixels; R x C of them, K classes."""

    name: str
    height: int
    width: int
    cell: int
    """Side of a cell; those at the lower and right edge are as large as the image leaves them."""
    counts: NDArray[np.int64]
    """``(R, C, K)`` labelled pixels of each class."""
    borders: NDArray[np.int64]
    """``(R, C)`` labelled pixels beside, above or below a labelled pixel of another class."""
    valid: NDArray[np.int64]
    """``(R, C)`` pixels that are not missing, labelled or not."""
    means: NDArray[np.float64]
    """``(R, C, B)`` mean of the valid pixels of each band; 0 where there is none."""
    squares: NDArray[np.float64]
    """``(R, C, B)`` sum of squared differences from ``means``."""
    step: int
    """Rows and columns between pixels of ``sample``."""
    sample: NDArray[Any]
    """``(ceil(height / step), ceil(width / step), B)`` every ``step``-th pixel, as it was read."""
    sample_valid: NDArray[np.bool_]
    """``(ceil(height / step), ceil(width / step))``, False where the pixel is missing."""
    infinite: int = 0
    """Pixels that are missing because a band is infinite."""
    weightless: int = 0
    """Pixels whose given weight is 0."""
    lightest: float = math.nan
    """Least given weight above 0; NaN where there is none."""
    heaviest: float = math.nan
    """Greatest given weight above 0, likewise."""


def cell_side(block: int, pixels: int) -> int:
    """Choose a side of cells so that blocks consist of whole cells where that is possible.

    Only cells that are neither hidden nor in the buffer with any part are counted as training:
    cells across the edges of blocks would be lost, and large cells lose more beside the buffer.
    So they are as small as memory allows, from 16 to 64 pixels.

    Args:
        block: side of a block in pixels.
        pixels: of all scenes.
    """
    least = min(max(_SMALLEST, math.isqrt(pixels // _CELLS)), _LARGEST)
    for side in chain(range(least, _LARGEST + 1), range(least, _SMALLEST - 1, -1)):
        if block % side == 0:
            return side
    return min(block, least)
