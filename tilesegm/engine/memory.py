"""Peak memory of a run, as arithmetic on integers: what is held at once, and how to make it fit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tilesegm.grid.tiles import TileGrid
from tilesegm.sink.layer import Layer
from tilesegm.source.base import ImageInfo

__all__ = ["MemoryPlan", "Needs", "fit"]

PROCESS = 680 << 20
"""A process with TensorFlow and a small network loaded (measured: 680 MB)."""

STREAM = 96 << 20
"""Default for all that grows with the width of a panel: small against PROCESS, so memory hardly
depends on the size of the image."""

WIDE = 4096
"""Columns that a panel has at least, as long as they take no more than STREAM_LIMIT."""

STREAM_LIMIT = 512 << 20

BATCH_PIXELS = 1 << 20
"""Default pixels of a batch: enough to keep a device busy, and small against the network."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What memory depends on."""

    info: ImageInfo
    grid: TileGrid
    layers: tuple[Layer, ...]
    classes: int
    """Planes of scores: one a class, of each network."""
    fills: int = 1
    """Values of missing pixels, for each of which tiles are cut."""
    network_bytes: int
    """Working memory of the network, per pixel of a tile."""
    chunk: int
    """Side of a chunk of the store."""
    cache: int
    """Bytes of the block cache of readers, and of writers when the file is made."""

    @property
    def _pixel_bytes(self) -> int:
        return self.info.bands * self.info.dtype.itemsize

    @property
    def column_bytes(self) -> int:
        """Bytes for one more column of a panel."""
        tile, block = self.grid.rows.tile, min(self.info.block[0], self.info.height)
        strip = (tile + 2 * block) * (self._pixel_bytes + self.info.masked + (self.fills > 1))
        shared = max((a.last - b.first for a, b in pairwise(self.grid.rows.spans)), default=0)
        carried = 2 * shared * self.classes * 4
        # Bands: one being made, one waiting, one being regrouped; regions: one made, one written.
        result_bytes = sum(layer.planes * layer.dtype.itemsize for layer in self.layers)
        return strip + carried + (3 * tile + 2 * self.chunk) * result_bytes

    def batch_bytes(self, batch: int) -> int:
        """Bytes of all batches under way: four of pixels, three of scores, one in the network."""
        pixels = batch * self.grid.rows.tile * self.grid.cols.tile
        tiles = 4 * self.fills * self._pixel_bytes
        return pixels * (tiles + 3 * 4 * self.classes + self.network_bytes)


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """How much is held at once, and where."""

    batch: int
    """Tiles in a batch."""
    panel: int
    """Columns of a panel, a multiple of the store's chunk."""
    process: int
    stream: int
    """Bytes for rows of pixels, carried scores and results over the width of a panel."""
    batches: int
    """Bytes for tiles, their scores and the network's working memory."""
    cache: int

    @property
    def peak(self) -> int:
        """Bytes at the most."""
        return self.process + self.stream + self.batches + self.cache


def fit(needs: Needs, budget: int | None = None) -> MemoryPlan:
    """Choose the batch and the panel for a budget in bytes, or good ones without a budget.

    The plan may exceed the budget when even one tile and the narrowest panel do: the caller
    refuses it with the numbers.
    """
    tile_pixels = needs.grid.rows.tile * needs.grid.cols.tile
    most = max(BATCH_PIXELS // tile_pixels, 1)
    columns = max(STREAM, min(WIDE * needs.column_bytes, STREAM_LIMIT))
    if budget is not None:
        spare = budget - PROCESS - needs.cache
        while most > 1 and needs.batch_bytes(most) > spare // 2:
            most -= 1
        columns = spare - needs.batch_bytes(most)
    width = needs.info.width
    chunks = max(columns // needs.column_bytes, 1) // needs.chunk
    # Equal panels, and no more of them than memory asks for: each edge costs a column of tiles.
    count = -(-width // (max(chunks, 1) * needs.chunk))
    panel = -(-width // (count * needs.chunk)) * needs.chunk
    batch = _even(len(needs.grid.cols.spans), most)
    return MemoryPlan(
        batch=batch,
        panel=panel,
        process=PROCESS,
        stream=min(panel, width) * needs.column_bytes,
        batches=needs.batch_bytes(batch),
        cache=needs.cache,
    )


def _even(tiles: int, most: int) -> int:
    """Largest batch, up to ``most``, that leaves at most one place in fifty of a row empty."""
    for batch in range(min(most, tiles), 1, -1):
        filled = -(-tiles // batch) * batch
        if 50 * (filled - tiles) <= tiles:
            return batch
    return 1
