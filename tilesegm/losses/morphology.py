"""Morphology of soft and hard masks by pooling.

What lies outside the tile, and every pixel that is not ``valid``, is neutral: it neither erodes
nor dilates, so a road that leaves the tile is not worn away at its edge.
"""

from __future__ import annotations

from keras import ops

from tilesegm.losses.targets import Tensor

__all__ = ["dilate", "dilate_cross", "erode_cross"]


def dilate(maps: Tensor, valid: Tensor) -> Tensor:
    """Return the maximum over the 3 x 3 pixels around each pixel.

    Args:
        maps: ``(N, H, W, K)`` float32 in [0, 1].
        valid: ``(N, H, W, 1)`` bool; the result is 0 elsewhere.
    """
    return ops.where(valid, _maximum(ops.where(valid, maps, 0.0), (3, 3)), 0.0)


def dilate_cross(maps: Tensor, valid: Tensor) -> Tensor:
    """Return the maximum over each pixel and the four beside it; see :func:`dilate`."""
    known = ops.where(valid, maps, 0.0)
    return ops.where(valid, ops.maximum(_maximum(known, (3, 1)), _maximum(known, (1, 3))), 0.0)


def erode_cross(maps: Tensor, valid: Tensor) -> Tensor:
    """Return the minimum over each pixel and the four beside it; see :func:`dilate`."""
    absence = -ops.where(valid, maps, 1.0)
    worn = -ops.maximum(_maximum(absence, (3, 1)), _maximum(absence, (1, 3)))
    return ops.where(valid, worn, 0.0)


def _maximum(maps: Tensor, window: tuple[int, int]) -> Tensor:
    return ops.max_pool(maps, window, strides=1, padding="same", data_format="channels_last")
