"""Euclidean distance transforms inside the graph, the same on every Keras backend.

The squared distance separates: along columns it is the distance to the nearest seed of the column,
along rows it is the lower envelope of one parabola for each column (Felzenszwalb and
Huttenlocher 2012). A sequential envelope suits no accelerator, so both steps are dense:

* columns: running maximum and minimum of seed positions by doubling shifts, log2(H) steps;
* rows: minimum of shifted copies plus the squared shift. Shift k can lower nothing once k² is not
  below the largest distance still standing, so the loop ends after as many steps as the largest
  distance has pixels: about the half-width of the largest object, not the width of the tile.

No gradient passes through a distance transform.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from tilesegm.errors import InputError

__all__ = ["distance_transform", "signed_distance", "squared_distance_to"]


def squared_distance_to(seeds: Any, radius: float | None = None) -> Any:
    """Squared distance of each pixel to the nearest seed of its image (and channel).

    Args:
        seeds: boolean, (N, H, W) or (N, H, W, K); H and W must be known when traced.
        radius: greatest distance of interest, in pixels. Work grows with it, and greater distances
            come back as ``radius``. Without it the transform is exact.

    Returns:
        float32 of the same shape, in pixels². Whole numbers, exact while H² + W² < 2²⁴. An image
        without seeds has the squared diagonal H² + W² everywhere, which no true distance reaches,
        or ``radius²`` if that is less.

    Raises:
        InputError: ``seeds`` has another rank, an unknown height or width, or ``radius`` is not
            positive.
    """
    seeds = ops.stop_gradient(ops.cast(seeds, "bool"))
    H, W = _static_sides(seeds)
    if radius is not None and not radius > 0:
        raise InputError(f"radius is {radius}; a distance in pixels above 0 is expected: raise it")
    far = float(H * H + W * W) if radius is None else min(float(radius) ** 2, float(H * H + W * W))
    reach = math.ceil(math.sqrt(far))
    channels = len(seeds.shape) == 4
    planes = ops.moveaxis(seeds, -1, 1) if channels else seeds
    shape = ops.shape(planes)
    squared = _row_envelope(_column_distance(ops.reshape(planes, (-1, H, W)), far, reach), reach)
    any_seed = ops.any(ops.reshape(planes, (-1, H, W)), axis=(1, 2), keepdims=True)
    squared = ops.reshape(ops.where(any_seed, squared, far), shape)
    return ops.stop_gradient(ops.moveaxis(squared, 1, -1) if channels else squared)


def distance_transform(mask: Any, radius: float | None = None) -> Any:
    """Distance of each foreground pixel to the nearest background pixel, 0 in the background.

    Equals ``scipy.ndimage.distance_transform_edt(mask)`` for every mask that has background. For a
    mask without any, where scipy measures to a point that does not exist, each pixel has the
    diagonal √(H² + W²).

    Args:
        mask: boolean, (N, H, W) or (N, H, W, K).
        radius: clip distances here, in pixels; None for the exact transform.

    Returns:
        float32 of the same shape, in pixels.

    Raises:
        InputError: see :func:`squared_distance_to`.
    """
    return ops.sqrt(squared_distance_to(ops.logical_not(ops.cast(mask, "bool")), radius))


def signed_distance(mask: Any, radius: float | None = None) -> Any:
    """Level-set function of a mask: above 0 outside, below or equal 0 inside.

    Outside it is the distance to the mask; inside it is ``-(d - 1)`` with d the distance to the
    background, so that pixels on the rim of the mask have 0 (Kervadec et al. 2019). A mask that is
    empty or that fills the image has no boundary and gives 0 everywhere.

    Args:
        mask: boolean, (N, H, W) or (N, H, W, K).
        radius: clip both sides here, in pixels; None for exact distances.

    Returns:
        float32 of the same shape, in pixels.

    Raises:
        InputError: see :func:`squared_distance_to`.
    """
    mask = ops.cast(mask, "bool")
    outside = distance_transform(ops.logical_not(mask), radius)
    inside = distance_transform(mask, radius)
    phi = outside - ops.where(mask, inside - 1.0, 0.0)
    bounded = ops.logical_and(
        ops.any(mask, axis=(1, 2), keepdims=True),
        ops.any(ops.logical_not(mask), axis=(1, 2), keepdims=True),
    )
    return ops.where(bounded, phi, 0.0)


def _static_sides(seeds: Any) -> tuple[int, int]:
    if len(seeds.shape) not in (3, 4):
        raise InputError(
            f"a mask of shape {tuple(seeds.shape)} was passed; (N, H, W) or (N, H, W, K) is "
            "expected: add or drop axes"
        )
    H, W = seeds.shape[1], seeds.shape[2]
    if H is None or W is None:
        raise InputError(
            f"a mask of shape {tuple(seeds.shape)} was traced; distances need a known height and "
            "width: give the tiles one fixed size"
        )
    return int(H), int(W)


def _column_distance(seeds: Any, far: float, reach: int) -> Any:
    """Squared distance along axis 1 to the nearest seed of the column, at most ``far``."""
    H = int(seeds.shape[1])
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


def _shifted(planes: Any, step: int, fill: float) -> Any:
    """Rows moved down by ``step`` (up if negative), with ``fill`` where none arrives."""
    H = planes.shape[1]
    if step > 0:
        return ops.pad(planes[:, : H - step], ((0, 0), (step, 0), (0, 0)), constant_values=fill)
    return ops.pad(planes[:, -step:], ((0, 0), (0, -step), (0, 0)), constant_values=fill)


def _row_envelope(columns: Any, reach: int) -> Any:
    """Least of ``columns[..., j'] + (j - j')²`` over the row, for each j."""
    W = int(columns.shape[2])
    last = min(W - 1, reach)
    beyond = ((0, 0), (0, 0), (last, last))
    padded = ops.pad(columns, beyond, constant_values=float((reach + 1) ** 2))
    shape = ops.shape(columns)
    # A plane without seeds never gets nearer and must not keep the others waiting.
    seeded = ops.cast(ops.any(columns == 0, axis=(1, 2), keepdims=True), "float32")

    def unfinished(shift: Any, least: Any) -> Any:
        nearest_unseen = ops.cast(shift * shift, "float32")
        return ops.logical_and(shift <= last, nearest_unseen < ops.max(least * seeded))

    def widen(shift: Any, least: Any) -> tuple[Any, Any]:
        left = ops.slice(padded, (0, 0, last - shift), shape)
        right = ops.slice(padded, (0, 0, last + shift), shape)
        offset = ops.cast(shift * shift, "float32")
        return shift + 1, ops.minimum(least, ops.minimum(left, right) + offset)

    _, least = ops.while_loop(unfinished, widen, (ops.convert_to_tensor(1, "int32"), columns))
    return least
