"""Sizes of tiles that a network without layers to look at takes, found by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ModelError

__all__ = ["Trial", "try_sizes"]

_SIDES = (64, 128, 256, 512)


@dataclass(frozen=True)
class Trial:
    """What a network took, and how many channels it gave."""

    shape: tuple[int, int, int]
    """Height, width and bands of a tile that it takes."""
    channels: int
    multiple: int = 1
    """Sides of tiles must be multiples of it."""
    tile: tuple[int, int] | None = None
    """The only size that it takes; None when it takes others."""


def try_sizes(
    score: Callable[[NDArray[np.float32]], NDArray[Any]],
    bands: int,
    tile: tuple[int, int] | None = None,
) -> Trial:
    """Run a network on zeros of several sizes.

    Args:
        score: turns a tile ``(1, height, width, bands)`` into scores ``(1, height, width,
            channels)``, and raises ``ModelError`` where it cannot.
        bands: bands of the image.
        tile: the only size that the network takes, where that is known.

    Raises:
        ModelError: it takes none of them.
    """

    def channels(*size: int) -> int:
        return int(score(np.zeros((1, *size, bands), np.float32)).shape[-1])

    if tile:
        return Trial((*tile, bands), channels(*tile), tile=tile)
    failed = None
    for side in _SIDES:
        shape = (side, side, bands)
        try:
            found = channels(side, side)
        except ModelError as error:
            failed = failed or error
            continue
        for power in range(side.bit_length()):
            longer = side + 2**power
            try:
                channels(longer, longer)
            except ModelError:
                continue
            return Trial(shape, found, multiple=2**power)
        return Trial(shape, found, tile=(side, side))
    assert failed is not None
    raise failed
