"""Height and width of a tile, which some losses must know before values flow."""

from __future__ import annotations

from tilesegm.errors import InputError
from tilesegm.losses.targets import Tensor

__all__ = ["sides"]


def sides(maps: Tensor) -> tuple[int, int]:
    """Return H and W of ``(N, H, W)`` or ``(N, H, W, K)``.

    Raises:
        InputError: The tensor has another rank, or is being traced without a fixed H and W.
    """
    shape = tuple(maps.shape)
    if len(shape) not in (3, 4):
        raise InputError(
            f"a map of shape {shape} was passed; expected (N, H, W) or (N, H, W, K):"
            " add or drop axes"
        )
    if shape[1] is None or shape[2] is None:
        raise InputError(
            f"a map of shape {shape} was traced; this loss must know height and width beforehand:"
            " give the tiles of the dataset one fixed size"
        )
    return int(shape[1]), int(shape[2])
