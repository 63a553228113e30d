"""How the tiles of a map were laid, in numbers from which they can be laid again."""

from __future__ import annotations

from dataclasses import dataclass

from tilesegm.grid.axis import Axis, plan_axis
from tilesegm.grid.tiling import Blend

__all__ = ["SEAM_DISTANCES", "TileLayout"]

SEAM_DISTANCES = (4, 8, 16, 32, 64, 128)
"""Upper ends, in pixels, of the bins of distance from a seam; a last bin holds what is beyond."""


@dataclass(frozen=True, kw_only=True)
class TileLayout:
    """What a tiling and a network come to: the numbers that the tiles of an image follow from."""

    tile: tuple[int, int]
    """Height and width of every tile in pixels."""
    overlap: int
    """Least number of pixels that neighbours share."""
    margin: int
    """Pixels at a tile's inner edges that are computed for context only."""
    blend: Blend
    stride: int = 1
    """Total stride of the network. Where it is unknown, 1 misplaces the last seam by less than the
    stride."""

    def axes(self, height: int, width: int) -> tuple[Axis, Axis]:
        """Lay the tiles over the rows and the columns of an image."""
        rows, cols = (
            self._axis(size, tile) for size, tile in zip((height, width), self.tile, strict=True)
        )
        return rows, cols

    def _axis(self, size: int, tile: int) -> Axis:
        shared = min(self.overlap, tile - 1)
        inner = min(self.margin, shared // 2)
        return plan_axis(size, tile, shared, stride=self.stride, margin=inner, blend=self.blend)
