"""The tiles of an image: two axes, the numbers that follow from them, and those to lay them."""

from __future__ import annotations

from dataclasses import dataclass

from tilesegm.errors import ModelError, SettingsError
from tilesegm.grid.axis import Axis, plan_axis
from tilesegm.grid.tiling import Blend, Tiling

__all__ = ["SEAM_DISTANCES", "Footprint", "TileGrid", "TileLayout", "plan_grid"]


_TILE = 1024
_OVERLAP = 128


@dataclass(frozen=True)
class Footprint:
    """What tiling must know of a network."""

    stride: int = 1
    """Total stride in pixels."""
    halo: int | None = None
    """Pixels at a tile's edge whose scores that edge changes; None when unknown."""
    inexact: tuple[str, ...] = ()
    """Why no halo makes tiles exact; empty when one does."""
    tile: tuple[int, int] | None = None
    """The only height and width that the network accepts; None when it takes any."""


@dataclass(frozen=True)
class TileGrid:
    """Overlapping tiles of one shape over an image."""

    rows: Axis
    cols: Axis
    overlap: int
    """Least number of pixels that neighbours share."""
    margin: int
    """Pixels at a tile's inner edges that are computed for context only."""

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of every tile."""
        return self.rows.tile, self.cols.tile

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.rows.spans) * len(self.cols.spans)

    @property
    def redundancy(self) -> float:
        """Pixels computed / pixels of the image."""
        computed = self.tiles * self.rows.tile * self.cols.tile
        return computed / (self.rows.size * self.cols.size)


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
        return self._axis(height, self.tile[0]), self._axis(width, self.tile[1])

    def _axis(self, size: int, tile: int) -> Axis:
        shared = min(self.overlap, tile - 1)
        inner = min(self.margin, shared // 2)
        return plan_axis(size, tile, shared, stride=self.stride, margin=inner, blend=self.blend)


def plan_grid(height: int, width: int, tiling: Tiling, network: Footprint) -> TileGrid:
    """Lay tiles over ``height`` x ``width`` pixels.

    An image smaller than a tile gets one tile of its own size, rounded up to the stride. Where
    the network accepts one size only, that size is taken and the rest is filled. A size that is
    not given is rounded up to the stride.

    Raises:
        SettingsError: the tile is no multiple of the stride, or the receptive field leaves
            nothing of it.
        ModelError: an exact result was asked for and the network allows none.
    """
    stride = network.stride
    side = tiling.tile or -(-_TILE // stride) * stride
    tile = network.tile or (side, side)
    for length in tile:
        if length % stride:
            raise SettingsError(
                f"tile is {length} pixels and the network halves its input down to 1/{stride}; "
                f"tile must be a multiple of {stride}, such as {-(-length // stride) * stride}"
            )
    overlap, margin = _overlap(tiling, network, min(tile))
    if not network.tile:
        rows, cols = (min(side, -(-size // stride) * stride) for size in (height, width))
        tile = rows, cols
    layout = TileLayout(
        tile=tile, overlap=overlap, margin=margin, blend=tiling.blend, stride=stride
    )
    return TileGrid(*layout.axes(height, width), overlap, margin)


def _overlap(tiling: Tiling, network: Footprint, tile: int) -> tuple[int, int]:
    """Overlap in whole strides, and the margin of it that has no weight."""
    if tiling.overlap == "exact":
        if network.inexact:
            raise ModelError(
                f"not exact because {'; '.join(network.inexact)}; give an overlap in pixels instead"
            )
        if network.halo is None:
            raise ModelError(
                "overlap is 'exact' and the receptive field of this network is unknown; "
                "give an overlap in pixels"
            )
        wanted = 2 * network.halo
    elif tiling.overlap is None:
        quarter = max(tile // (4 * network.stride), 1) * network.stride
        wanted = _OVERLAP if tile > _OVERLAP else quarter
    else:
        wanted = tiling.overlap
    overlap = -(-wanted // network.stride) * network.stride
    if overlap >= tile and tiling.overlap is None:
        overlap = 0
    if overlap >= tile and network.tile:
        raise SettingsError(
            f"overlap is {overlap} pixels and this network takes tiles of {network.tile[0]} x "
            f"{network.tile[1]} pixels only; give an overlap below {tile}, such as {tile // 4}"
        )
    if overlap >= tile:
        raise SettingsError(
            f"overlap is {overlap} pixels for this network and tile is {tile}; "
            f"take a tile larger than {overlap}, such as {4 * max(overlap, 64)}"
        )
    if tiling.overlap == "exact" or tiling.blend == "crop":
        return overlap, overlap // 2
    # A fade over contaminated pixels is no truer than a cut: keep a quarter of the overlap, or
    # all that the receptive field does not touch, to fade in.
    margin = 3 * overlap // 8
    return overlap, margin if network.halo is None else min(margin, network.halo)
