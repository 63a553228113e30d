"""Bilinear resizing of batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["resize"]


def resize(
    values: NDArray[Any], size: tuple[int, int], axes: tuple[int, int]
) -> NDArray[np.float32]:
    """Resize two axes by linear interpolation between pixel centres, edges held.

    Args:
        values: any array of real numbers.
        size: new lengths of ``axes``.
        axes: the axes of rows and columns.

    Returns:
        float32 array with the lengths of ``axes`` replaced.
    """
    result = np.asarray(values, np.float32)
    for axis, length in zip(axes, size, strict=True):
        old = result.shape[axis]
        if old == length:
            continue
        centres = np.clip((np.arange(length) + 0.5) * (old / length) - 0.5, 0, old - 1)
        below = np.floor(centres).astype(np.intp)
        shape = [1] * result.ndim
        shape[axis] = length
        weight = (centres - below).astype(np.float32).reshape(shape)
        low = np.take(result, below, axis=axis)
        high = np.take(result, np.minimum(below + 1, old - 1), axis=axis)
        high -= low
        high *= weight
        high += low
        result = high
    return result
