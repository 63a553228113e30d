"""Euclidean distance transforms inside the graph, the same on every Keras backend.

The squared distance separates: along columns it is the distance to the nearest seed of the column,
along rows it is the lower envelope of one parabola for each column (Felzenszwalb and
Huttenlocher 2012). A sequential envelope suits no accelerator, so both steps are dense:

* columns: running maximum and minimum of seed positions by doubling shifts, log2(H) steps;
* rows: minimum of shifted copies plus the squared shift. Shift k lowers no value once k² reaches
  the largest remaining squared distance, so the number of steps is the largest distance in pixels:
  about the half-width of the largest object, not the width of the tile.

No gradient passes through a distance transform.
"""

from __future__ import annotations

import math

from keras import ops

from tilesegm.errors import InputError
from tilesegm.losses.tensors import Tensor, sides

__all__ = ["bounded", "distance_transform", "parts", "signed_distance", "squared_distance_to"]


def squared_distance_to(seeds: Tensor, radius: float | None = None) -> Tensor:
    """Return the squared distance of each pixel to the nearest seed of its image (and channel).

    Args:
        seeds: boolean, ``(N, H, W)`` or ``(N, H, W, K)``; H and W must be known when traced.
        radius: greatest distance of interest, in pixels: greater distances are returned as
            ``radius``. The work grows with it. None for the exact transform.

    Returns:
        float32 of the same shape, in pixels². Integers below ``radius²``, exact while
        H² + W² < 2²⁴. An image without seeds has the squared diagonal H² + W² everywhere, which is
        above any true distance, or ``radius²`` if that is less.

    Raises:
        InputError: ``seeds`` has another rank, an unknown height or width, or ``radius`` is not
            positive.
    """
    seeds = ops.stop_gradient(ops.cast(seeds, "bool"))
    H, W = sides(seeds)
    if radius is not None and not radius > 0:
        raise InputError(f"radius is {radius}; a distance in pixels above 0 is expected: raise it")
    far = float(H * H + W * W) if radius is None else min(float(radius) ** 2, float(H * H + W * W))
    reach = math.ceil(math.sqrt(far))
    channels = len(seeds.shape) == 4
    planes = ops.moveaxis(seeds, -1, 1) if channels else seeds
    columns = _column_distance(ops.reshape(planes, (-1, H, W)), far, reach)
    squared = ops.reshape(_row_envelope(columns, reach), ops.shape(planes))
    return ops.stop_gradient(ops.moveaxis(squared, 1, -1) if channels else squared)


def distance_transform(mask: Tensor, radius: float | None = None) -> Tensor:
    """Return the distance of each foreground pixel to the nearest background pixel, else 0.

    Equals ``scipy.ndimage.distance_transform_edt(mask)`` for every mask that has background. In a
    mask without background, where scipy measures to a point that does not exist, each pixel has
    the diagonal √(H² + W²).

    Args:
        mask: boolean, ``(N, H, W)`` or ``(N, H, W, K)``.
        radius: clip distances here, in pixels; None for the exact transform.

    Returns:
        float32 of the same shape, in pixels.

    Raises:
        InputError: see `squared_distance_to`.
    """
    return ops.sqrt(squared_distance_to(ops.logical_not(ops.cast(mask, "bool")), radius))


def signed_distance(
    mask: Tensor, valid: Tensor | None = None, radius: float | None = None
) -> Tensor:
    """Return the level-set function of a mask: above 0 outside, 0 or below inside.

    Outside it is the distance to the mask; inside it is ``-(d - 1)``, with d the distance to the
    background, so that pixels on the edge of the mask have 0 (Kervadec et al. 2019). A mask that is
    empty or that fills its image has no boundary and gives 0 everywhere.

    Args:
        mask: boolean, ``(N, H, W)`` or ``(N, H, W, K)``.
        valid: boolean, of a shape that broadcasts to that of the mask. Other pixels belong neither
            to the mask nor to its background.
        radius: clip both sides here, in pixels; None for exact distances.

    Returns:
        float32 of the same shape, in pixels.

    Raises:
        InputError: see `squared_distance_to`.
    """
    mask, rest = parts(mask, valid)
    outside = ops.sqrt(squared_distance_to(mask, radius))
    inside = ops.sqrt(squared_distance_to(rest, radius)) - 1.0
    return ops.where(bounded(mask, rest), ops.where(mask, -inside, outside), 0.0)


def parts(mask: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mask and its background, both restricted to the pixels that are ``valid``."""
    mask = ops.cast(mask, "bool")
    rest = ops.logical_not(mask)
    if valid is None:
        return mask, rest
    return ops.logical_and(mask, valid), ops.logical_and(rest, valid)


def bounded(mask: Tensor, rest: Tensor) -> Tensor:
    """Return whether each image (and channel) has pixels of both, and so a boundary."""
    return ops.logical_and(
        ops.any(mask, axis=(1, 2), keepdims=True), ops.any(rest, axis=(1, 2), keepdims=True)
    )


def _column_distance(seeds: Tensor, far: float, reach: int) -> Tensor:
    """Return the squared distance to the nearest seed of the column (axis 1), at most ``far``."""
    H, _ = sides(seeds)
    rows = ops.reshape(ops.arange(H, dtype="float32"), (1, H, 1))
    none = float(2 * H + reach)  # further away than `far` from every row
    above = ops.where(seeds, rows, -none)
    below = ops.where(seeds, rows, H + none)
    step = 1
    while step < min(H, reach + 1):
        above = ops.maximum(above, _shifted(above, step, -none))
        below = ops.minimum(below, _shifted(below, -step, H + none))
        step *= 2
    return ops.minimum(ops.square(ops.minimum(rows - above, below - rows)), far)


def _shifted(planes: Tensor, step: int, fill: float) -> Tensor:
    """Move rows down by ``step`` (up if negative), and fill the rows that become free."""
    H, _ = sides(planes)
    if step > 0:
        return ops.pad(planes[:, : H - step], ((0, 0), (step, 0), (0, 0)), constant_values=fill)
    return ops.pad(planes[:, -step:], ((0, 0), (0, -step), (0, 0)), constant_values=fill)


def _row_envelope(columns: Tensor, reach: int) -> Tensor:
    """Return the minimum of ``columns[..., j'] + (j - j')²`` over the row, for each j."""
    _, W = sides(columns)
    last = min(W - 1, reach)
    beyond = ((0, 0), (0, 0), (last, last))
    padded = ops.pad(columns, beyond, constant_values=float((reach + 1) ** 2))
    shape = ops.shape(columns)
    # A plane without seeds never gets lower and must not prolong the loop.
    seeded = ops.cast(ops.any(columns == 0, axis=(1, 2), keepdims=True), "float32")

    def unfinished(shift: Tensor, least: Tensor) -> Tensor:
        nearest_unseen = ops.cast(shift * shift, "float32")
        return ops.logical_and(shift <= last, nearest_unseen < ops.max(least * seeded))

    def widen(shift: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
        left = ops.slice(padded, (0, 0, last - shift), shape)
        right = ops.slice(padded, (0, 0, last + shift), shape)
        offset = ops.cast(shift * shift, "float32")
        return shift + 1, ops.minimum(least, ops.minimum(left, right) + offset)

    _, least = ops.while_loop(unfinished, widen, (ops.convert_to_tensor(1, "int32"), columns))
    return least
