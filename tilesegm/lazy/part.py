"""The results of one chunk, as an array that computes what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.lazy.dask_image import PartSource, open_part
from tilesegm.lazy.order import Order
from tilesegm.segmentation.segmented_image import decoded
from tilesegm.source.base import Source

__all__ = ["Part", "Pieces", "take_layer"]

Results = dict[str, NDArray[Any]]
Chunks = list[list[list[NDArray[Any]]]]


@dataclass(frozen=True)
class Pieces:
    """How chunks of a dask array make up the pixels of a window."""

    window: Window
    rows: tuple[tuple[int, int], ...]
    """First row in the image and height of each row of chunks."""
    cols: tuple[tuple[int, int], ...]
    """First column and width of each column of chunks."""

    def join(self, chunks: Chunks) -> NDArray[Any]:
        """Copy pixels ``(height, width, bands)`` out of chunks, by row, column and bands."""
        count = sum(np.atleast_3d(chunk).shape[2] for chunk in chunks[0][0])
        masked = np.ma.isMaskedArray(chunks[0][0][0])
        shape, dtype = (self.window.height, self.window.width, count), chunks[0][0][0].dtype
        pixels: NDArray[Any] = np.ma.zeros(shape, dtype) if masked else np.empty(shape, dtype)
        for (row, height), line in zip(self.rows, chunks, strict=True):
            for (col, width), bands in zip(self.cols, line, strict=True):
                common = self.window.intersect(Window(row, col, height, width))
                assert common is not None
                place = common.shift(-self.window.row, -self.window.col).slices
                done = 0
                for chunk in bands:
                    values = chunk[common.shift(-row, -col).slices]
                    values = values[..., None] if values.ndim == 2 else values
                    pixels[(*place, slice(done, done + values.shape[2]))] = values
                    done += values.shape[2]
        return pixels


class Part:
    """Results of a window of an image, computed as far as they are asked for.

    Dask joins a slice of a chunk with what makes the chunk before it computes anything. So the
    tiles that touch the slice are all that is computed.

    Args:
        order: what is computed.
        window: of the image.
        pieces: how chunks make up its pixels; None where they are read from the image.
        chunks: these chunks.
    """

    def __init__(
        self,
        order: Order,
        window: Window,
        pieces: Pieces | None = None,
        chunks: Chunks | None = None,
    ) -> None:
        self._order = order
        self._window = window
        self._source: Source | None = None
        if pieces is not None and chunks is not None:
            part = open_part(pieces.join(chunks), order.attributes, order.request.options)
            self._source = PartSource(order.image, part, pieces.window)

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Compute some pixels of a layer.

        Args:
            index: number of the layer, then what NumPy would index it with.
        """
        number, *inside = index
        layer = self._order.session.work.plan.decision.layers[number]
        rows, cols = (
            _Cut.of(one, side)
            for one, side in zip(
                inside[-2:], (self._window.height, self._window.width), strict=True
            )
        )
        window = Window(
            self._window.row + rows.start,
            self._window.col + cols.start,
            rows.stop - rows.start,
            cols.stop - cols.start,
        )
        if window.pixels:
            values = take_layer(self._compute(window), layer.name)
        else:
            planes = () if layer.planes == 1 else (layer.planes,)
            values = decoded(np.empty((*planes, window.height, window.width), layer.dtype))
        return values[(*inside[:-2], rows.inside, cols.inside)]

    def results(self) -> Results:
        """Compute all layers of the whole window, as files hold them."""
        return self._compute(self._window)

    def _compute(self, window: Window) -> Results:
        return self._order.session.compute(window, self._order.batch, self._source)


def take_layer(results: Results, layer: str) -> NDArray[Any]:
    """Return the class ids of results, or confidence and scores as what they mean."""
    return results[layer] if layer == "classes" else decoded(results[layer])


@dataclass(frozen=True)
class _Cut:
    """What is computed along an axis, and what is taken of that."""

    start: int
    stop: int
    inside: int | slice | NDArray[np.intp]

    @classmethod
    def of(cls, index: Any, side: int) -> _Cut:
        """Take an index, a slice or a list of indices of an axis of ``side`` pixels."""
        if isinstance(index, list | np.ndarray):
            listed = np.arange(side)[index]
            if not listed.size:
                return cls(0, 0, listed)
            return cls(int(listed.min()), int(listed.max()) + 1, listed - listed.min())
        if not isinstance(index, slice):
            return cls(int(index), int(index) + 1, 0)
        chosen = range(side)[index]
        if not chosen:
            return cls(0, 0, slice(0, 0))
        return cls(min(chosen), max(chosen) + 1, slice(None, None, chosen.step))
