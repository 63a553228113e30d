"""Checks on what goes into a network and on what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec

__all__ = ["check_planes", "check_tiles", "planes_of_scores"]


def check_tiles(spec: ModelSpec, tiles: NDArray[Any]) -> None:
    """Refuse tiles that the network cannot take.

    Raises:
        ModelError: wrong rank, bands, size, or values that are no real numbers.
    """
    if tiles.ndim != 4:
        raise ModelError(f"tiles have the shape (N, height, width, bands); received {tiles.shape}")
    if tiles.dtype.kind not in "buif":
        raise ModelError(f"{spec.name} takes real numbers; the image has {tiles.dtype} values")
    if spec.bands is not None and tiles.shape[3] != spec.bands:
        raise ModelError(
            f"{spec.name} expects {spec.bands} bands and the tiles have {tiles.shape[3]}; "
            f"choose the {spec.bands} bands that it was trained on"
        )
    size = (tiles.shape[1], tiles.shape[2])
    if spec.tile is not None and size != spec.tile:
        raise ModelError(
            f"{spec.name} takes tiles of {_by(spec.tile)} pixels only, not {_by(size)}"
        )
    if size[0] % spec.stride or size[1] % spec.stride:
        raise ModelError(
            f"{spec.name} needs tiles that are a multiple of its stride of {spec.stride} pixels; "
            f"received {_by(size)}"
        )


def check_planes(
    spec: ModelSpec, tiles: tuple[int, ...], planes: NDArray[Any]
) -> NDArray[np.float32]:
    """Return ``planes`` as C-contiguous float32 after comparing its shape with the tiles' shape.

    Raises:
        ModelError: the scores are not one plane a class of the tiles' height and width.
    """
    expected = (tiles[0], len(spec.classes), tiles[1], tiles[2])
    if planes.shape != expected:
        raise ModelError(
            f"{spec.name} gives scores of shape {planes.shape} (N, classes, height, width) for "
            f"tiles of shape {tiles}, expected {expected}: a segmentation scores every pixel"
        )
    return np.ascontiguousarray(planes, dtype=np.float32)


def planes_of_scores(name: str, tiles: tuple[int, ...], scores: NDArray[Any]) -> NDArray[Any]:
    """Return scores ``(N, height, width, classes)`` as a view ``(N, classes, height, width)``.

    Raises:
        ModelError: the scores do not have one vector of at least two classes a pixel.
    """
    if scores.ndim != 4 or scores.shape[:3] != tiles[:3]:
        raise ModelError(
            f"{name} gives scores of shape {scores.shape} for tiles of shape {tiles}; expected "
            f"({tiles[0]}, {tiles[1]}, {tiles[2]}, classes), a score vector for every pixel"
        )
    if scores.shape[3] < 2:
        raise ModelError(
            f"{name} gives one score per pixel, which may be a logit or a probability; "
            f"return one for each class, such as (1 - p, p)"
        )
    return np.moveaxis(scores, 3, 1)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
