"""Samples of a TIFF page, and the segments (tiles or strips) that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.steps import Step

__all__ = ["SamplePlane", "sample_planes"]

_JPEG = {6, 7, 34892, 33007}
"""Compressions whose tables lie outside the segments."""


@dataclass(frozen=True)
class SamplePlane:
    """Samples that are stored together: those of a page, or one of a page that separates them."""

    page: Any
    separate: int = 0

    @cached_property
    def block(self) -> tuple[int, int]:
        """Rows and columns of a segment."""
        frame = self.page.keyframe
        if frame.is_tiled:
            return frame.tilelength, frame.tilewidth
        return min(frame.rowsperstrip, frame.imagelength), frame.imagewidth

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Segments from top to bottom and from left to right."""
        frame = self.page.keyframe
        return -(-frame.imagelength // self.block[0]), -(-frame.imagewidth // self.block[1])

    @cached_property
    def first(self) -> int:
        """Index of the first segment."""
        return self.separate * self.grid[0] * self.grid[1]

    def segments(self, window: Window) -> Iterator[int]:
        """Return the indices of the segments that share a pixel with ``window``."""
        rows, cols = self.block
        for row in range(window.row // rows, -(-window.stop_row // rows)):
            for col in range(window.col // cols, -(-window.stop_col // cols)):
                yield self.first + row * self.grid[1] + col

    def place(self, index: int) -> Window:
        """Return the part of the image that a segment covers."""
        (rows, cols), frame = self.block, self.page.keyframe
        row, col = divmod(index - self.first, self.grid[1])
        height = min(rows, frame.imagelength - row * rows)
        width = min(cols, frame.imagewidth - col * cols)
        return Window(row * rows, col * cols, height, width)

    def decode(self, fetched: tuple[bytes | None, int]) -> tuple[int, NDArray[Any]]:
        """Return the index and the ``(rows, cols, samples)`` of a segment read from the file."""
        frame = self.page.keyframe
        tables = {}
        if frame.compression in _JPEG:
            tables = {"jpegtables": self.page.jpegtables, "jpegheader": frame.jpegheader}
        data, _, shape = frame.decode(*fetched, **tables, _fullsize=False)
        if data is None:
            # The writer left out a segment without content.
            return fetched[1], np.full(shape[1:], frame.nodata, frame.dtype)
        return fetched[1], data[0]

    def map(self) -> NDArray[Any]:
        """Return uncompressed ``(height, width, samples)``, read from disk when indexed."""
        frame = self.page.keyframe
        pixels: NDArray[Any] = np.memmap(
            self.page.parent.filehandle.path,
            dtype=np.dtype(frame.dtype).newbyteorder(frame.parent.byteorder),
            mode="r",
            offset=self.page.dataoffsets[0],
            shape=frame.shaped,
        )
        plane: NDArray[Any] = pixels[self.separate, 0]
        return plane


def sample_planes(
    path: str, level: Any, steps: Sequence[Step] = ()
) -> tuple[list[SamplePlane], int]:
    """Return the planes in the order of the bands, and samples in each.

    Args:
        path: of the file.
        level: resolution of a series.
        steps: what is read of each axis that holds neither pixels nor bands, in their order.

    Raises:
        SourceError: pages do not match the axes, or are absent.
    """
    frame = level.keyframe
    outer = [
        (axis, n) for axis, n in zip(level.axes, level.shape, strict=True) if axis not in "YXS"
    ]
    if prod(n for _, n in outer) != len(level.pages):
        raise SourceError(
            f"{path}: its {len(level.pages)} pages do not match its axes {level.axes} of shape "
            f"{level.shape}; convert it to OME-Zarr or a tiled OME-TIFF"
        )
    channels = np.arange(len(level.pages)).reshape([n for _, n in outer] or [1])
    chosen = iter(step.index for step in steps)
    index = tuple(slice(None) if axis == "C" else next(chosen, 0) for axis, _ in outer) or (
        slice(None),
    )
    pages = [level.pages[int(number)] for number in np.atleast_1d(channels[index])]
    if None in pages:
        raise SourceError(f"{path}: a page is absent; the image may be spread over files not here")
    separate, _, _, _, together = frame.shaped
    return [SamplePlane(page, s) for page in pages for s in range(separate)], together
