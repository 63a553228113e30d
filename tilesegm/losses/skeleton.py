"""Skeletons inside the graph: soft with a gradient, or exact for hard masks."""

from __future__ import annotations

from keras import ops

from tilesegm.losses.morphology import dilate, erode_cross
from tilesegm.losses.tensors import Tensor, sides

__all__ = ["soft_skeleton", "thin"]


def soft_skeleton(maps: Tensor, valid: Tensor, iterations: int) -> Tensor:
    """Return the soft skeleton of each map (Shit et al. 2021, CVPR, algorithm 1).

    Erode repeatedly, and collect the pixels that an opening removes. The inner pixels of structures
    whose half-width exceeds ``iterations`` are missing from the skeleton.

    Args:
        maps: ``(N, H, W, K)`` probabilities or masks, float32.
        valid: ``(N, H, W, 1)`` bool; other pixels are neutral, and 0 in the result.
        iterations: number of erosions.

    Returns:
        ``(N, H, W, K)`` in [0, 1].
    """
    maps = ops.where(valid, maps, 0.0)
    skeleton = ops.zeros_like(maps)
    for _ in range(iterations + 1):
        eroded = erode_cross(maps, valid)
        removed = ops.relu(maps - dilate(eroded, valid))
        skeleton = skeleton + ops.relu(removed - skeleton * removed)
        maps = eroded
    return skeleton


def thin(masks: Tensor) -> Tensor:
    """Return the one pixel wide, connected skeleton of hard masks (Guo and Hall 1989, CACM).

    Two half steps alternately remove pixels, in the north-east and in the south-west, as long as
    the rest stays connected and no line gets shorter; the loop ends when nothing changes. Pixels
    outside the tile are background. No gradient passes.

    Args:
        masks: ``(N, H, W, K)`` bool.

    Returns:
        Boolean of the same shape.
    """
    masks = ops.stop_gradient(ops.cast(masks, "bool"))

    def unfinished(current: Tensor, changed: Tensor) -> Tensor:
        return changed

    def peel(current: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        thinner = _peel(_peel(current, first=0), first=4)
        return thinner, ops.any(ops.not_equal(current, thinner))

    skeleton, _ = ops.while_loop(unfinished, peel, (masks, ops.any(masks)))
    return skeleton


def _peel(masks: Tensor, *, first: int) -> Tensor:
    """Take one half step, on the side of neighbour ``first`` (0 is east, 4 is west)."""
    ring = _ring(masks)
    straight, diagonal = ring[::2], ring[1::2]
    following = (*straight[1:], straight[0])
    arcs = sum(
        _number(ops.logical_and(ops.logical_not(side), ops.logical_or(corner, after)))
        for side, corner, after in zip(straight, diagonal, following, strict=True)
    )
    pairs = zip(diagonal, straight, strict=True)
    before = sum(_number(ops.logical_or(corner, side)) for corner, side in pairs)
    pairs = zip(diagonal, following, strict=True)
    after = sum(_number(ops.logical_or(corner, side)) for corner, side in pairs)
    fewest = ops.minimum(before, after)
    side, corner, beyond, opposite = (ring[(first + step) % 8] for step in (0, 1, 2, 7))
    held = ops.logical_or(ops.logical_or(corner, beyond), ops.logical_not(opposite))
    removable = ops.logical_and(arcs == 1, ops.logical_and(fewest >= 2, fewest <= 3))
    removable = ops.logical_and(removable, ops.logical_not(ops.logical_and(held, side)))
    return ops.logical_and(masks, ops.logical_not(removable))


def _number(flags: Tensor) -> Tensor:
    return ops.cast(flags, "int8")


def _ring(masks: Tensor) -> tuple[Tensor, ...]:
    """Return the eight neighbours of each pixel, counter-clockwise from the east."""
    H, W = sides(masks)
    padded = ops.pad(masks, ((0, 0), (1, 1), (1, 1), (0, 0)))
    offsets = ((1, 2), (0, 2), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (2, 2))
    return tuple(padded[:, row : row + H, column : column + W] for row, column in offsets)
