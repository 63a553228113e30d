"""Morphology of soft and hard masks by pooling, their blur, and the contours of label maps.

Pixels outside the tile, and pixels that are not ``valid``, are neutral: they neither erode nor
dilate, so a road that leaves the tile is not eroded at the edge of the tile.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from tilesegm.losses.tensors import Tensor, sides

__all__ = ["blur", "contour", "dilate", "dilate_cross", "erode_cross"]


def dilate(maps: Tensor, valid: Tensor) -> Tensor:
    """Return the maximum over the 3 x 3 pixels around each pixel.

    Args:
        maps: ``(N, H, W, K)`` float32 in [0, 1].
        valid: ``(N, H, W, 1)`` bool; the result is 0 elsewhere.
    """
    return ops.where(valid, _maximum(ops.where(valid, maps, 0.0), (3, 3)), 0.0)


def dilate_cross(maps: Tensor, valid: Tensor) -> Tensor:
    """Return the maximum over each pixel and its four neighbours; see `dilate`."""
    maps = ops.where(valid, maps, 0.0)
    return ops.where(valid, ops.maximum(_maximum(maps, (3, 1)), _maximum(maps, (1, 3))), 0.0)


def erode_cross(maps: Tensor, valid: Tensor) -> Tensor:
    """Return the minimum over each pixel and its four neighbours; see `dilate`."""
    absence = -ops.where(valid, maps, 1.0)
    eroded = -ops.maximum(_maximum(absence, (3, 1)), _maximum(absence, (1, 3)))
    return ops.where(valid, eroded, 0.0)


def _maximum(maps: Tensor, window: tuple[int, int]) -> Tensor:
    return ops.max_pool(maps, window, strides=1, padding="same", data_format="channels_last")


def blur(maps: Tensor, line: Sequence[float]) -> Tensor:
    """Correlate ``(N, H, W, C)`` with the outer product of ``line``, zeros outside the tile."""
    half = len(line) // 2
    H, W = sides(maps)
    padded = ops.pad(maps, ((0, 0), (half, half), (half, half), (0, 0)))
    rows = sum(tap * padded[:, i : i + H] for i, tap in enumerate(line))
    return sum(tap * rows[:, :, i : i + W] for i, tap in enumerate(line))


def contour(classes: Tensor, weight: Tensor) -> Tensor:
    """Return the pixels with a neighbour of another class, up, down, left or right.

    Edges of the tile and of ignored regions are not contours.

    Args:
        classes: ``(N, H, W, C)`` fractions of the classes; the largest one is the class of the
            pixel.
        weight: ``(N, H, W)``; pixels without weight are ignored.

    Returns:
        Boolean ``(N, H, W)``.
    """
    ids = ops.argmax(classes, axis=-1)
    valid = weight > 0
    down = _meet(ids[:, 1:], ids[:, :-1], valid[:, 1:], valid[:, :-1])
    right = _meet(ids[:, :, 1:], ids[:, :, :-1], valid[:, :, 1:], valid[:, :, :-1])
    touches = (
        ops.pad(down, ((0, 0), (1, 0), (0, 0)))
        + ops.pad(down, ((0, 0), (0, 1), (0, 0)))
        + ops.pad(right, ((0, 0), (0, 0), (1, 0)))
        + ops.pad(right, ((0, 0), (0, 0), (0, 1)))
    )
    return touches > 0


def _meet(one: Tensor, other: Tensor, one_valid: Tensor, other_valid: Tensor) -> Tensor:
    both = ops.logical_and(one_valid, other_valid)
    return ops.cast(ops.logical_and(both, ops.not_equal(one, other)), "float32")
