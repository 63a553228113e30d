"""Where the classes of a label map meet."""

from __future__ import annotations

from keras import ops

from tilesegm.losses.targets import Tensor

__all__ = ["contour"]


def contour(classes: Tensor, weight: Tensor) -> Tensor:
    """Return the pixels beside which, up, down, left or right, another class begins.

    The edge of the tile and the edge of an ignored region are no contour.

    Args:
        classes: ``(N, H, W, C)`` fractions of the classes; the largest is the pixel's class.
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
