"""How an image is cut into tiles, as the user says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tilesegm.errors import SettingsError

__all__ = ["Blend", "Tiling"]

Blend = Literal["hann", "linear", "gaussian", "crop"]


@dataclass(frozen=True)
class Tiling:
    """Size of tiles, their overlap, and how overlapping scores become one.

    The defaults were chosen on a trained U-Net: see ``docs/tiling.md`` for what they cost and
    how often they change a class against one pass over the whole image.

    Example:
        >>> import tilesegm as ts
        >>> ts.Tiling(tile=512, overlap="exact")
        Tiling(tile=512, overlap='exact', blend='hann')
    """

    tile: int | None = None
    """Side of a tile in pixels, a multiple of the network's total stride. None: the only size that
    the network accepts, otherwise 1024."""
    overlap: int | Literal["exact"] | None = None
    """Pixels shared by neighbouring tiles, or ``"exact"`` to take what the receptive field asks.
    None: 128, or a quarter of a tile that is not larger than that."""
    blend: Blend = "hann"
    """Shape of the fade between neighbours; ``"crop"`` cuts in the middle of the overlap."""

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < 1:
            raise SettingsError(f"tile is {self.tile} pixels; it must be at least 1")
        if self.blend not in get_args(Blend):
            raise SettingsError(
                f"blend is {self.blend!r}; it must be one of {', '.join(get_args(Blend))}"
            )
        if isinstance(self.overlap, str):
            if self.overlap != "exact":
                raise SettingsError(
                    f"overlap is {self.overlap!r}; it must be a number of pixels or 'exact'"
                )
        elif self.overlap is not None and (
            self.overlap < 0 or (self.tile is not None and self.overlap >= self.tile)
        ):
            raise SettingsError(
                f"overlap is {self.overlap} and tile is {self.tile or 'not given'}; overlap must "
                "be at least 0 and smaller than the tile"
            )
