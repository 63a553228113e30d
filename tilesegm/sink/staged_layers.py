"""All planes of all layers on disk, with their overviews, and what proves that they are whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.sink.chunk_digest import digest_of_file
from tilesegm.sink.finished_region import sum_up
from tilesegm.sink.layer import Layer
from tilesegm.sink.pyramid import STREAMED, halve, level_chunk, level_sizes
from tilesegm.sink.staged_array import StagedArray, StagedDamageError, write_chunk

__all__ = ["StagedLayers"]

Digests = dict[str, bytes]
"""Digests of chunks by their paths in the staging folder."""


class StagedLayers:
    """Zarr v2 arrays ``LAYER/PLANE/LEVEL`` in a folder.

    Args:
        folder: the folder.
        size: height and width of the image.
        layers: rasters that are stored.
        chunk: side of a chunk of the full resolution; see `level_chunk`.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], layers: Sequence[Layer], chunk: int
    ) -> None:
        if chunk < 1 << STREAMED or chunk % (1 << STREAMED):
            raise ValueError(f"chunk must be a multiple of {1 << STREAMED}; received {chunk}")
        self.folder, self.size, self.chunk = folder, size, chunk
        self.layers = {layer.name: layer for layer in layers}
        self._arrays = {layer.name: self._pyramids(layer) for layer in layers}

    def levels(self, layer: str, plane: int = 0) -> tuple[StagedArray, ...]:
        """Arrays of a plane: the result and its overviews."""
        return self._arrays[layer][plane]

    def create(self) -> list[Path]:
        """Make all folders and descriptions; chunks already there stay.

        Returns:
            The descriptions, to be flushed.
        """
        return [array.create() for array in self._all()]

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> Digests:
        """Write finished pixels and their streamed overviews.

        Args:
            layer: name of the layer.
            window: starts on a multiple of the chunk, ends on one or on the image's edge.
            values: ``(h, w)``, or ``(planes, h, w)``, of the layer's dtype.

        Raises:
            ValueError: the window does not hold whole chunks, or the values do not fill it.
        """
        return self.take(self.encode(layer, window, values))

    def encode(
        self, layer: str, window: Window, values: NDArray[Any]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the chunks that `write` makes of pixels: the path of each, and its bytes.

        Raises:
            ValueError: as `write` does.
        """
        planes = values if values.ndim == 3 else values[np.newaxis]
        self._check(self.layers[layer], window, planes)
        for arrays, plane in zip(self._arrays[layer], planes, strict=True):
            for level, array in enumerate(arrays[: 1 + STREAMED]):
                if level:
                    plane = halve(plane, self.layers[layer])
                for file, data in array.encode(window.row >> level, window.col >> level, plane):
                    yield self._place(file), data

    def take(self, chunks: Iterable[tuple[str, bytes]]) -> Digests:
        """Write chunks that `encode` made, here or elsewhere."""
        return {place: write_chunk(self.folder / place, data) for place, data in chunks}

    def complete_overviews(self) -> Digests:
        """Make the overviews that `write` left for the end.

        Raises:
            StagedDamageError: what they are made of cannot be decoded.
        """
        digests: Digests = {}
        for name, layer in self.layers.items():
            for arrays in self._arrays[name]:
                for below, above in itertools.pairwise(arrays[STREAMED:]):
                    digests |= self._named(_fill_overview(below, above, layer))
        return digests

    def is_whole(self, digests: Mapping[str, bytes]) -> bool:
        """Tell whether chunks are as they were written."""
        return all(digest_of_file(self.folder / place) == d for place, d in digests.items())

    def restore_descriptions(self) -> int:
        """Write descriptions that are not as they were made again, and return how many."""
        return sum(array.create().exists() for array in self._all() if not array.is_described())

    def sum_up(self, facts: Mapping[str, Any], window: Window) -> str | None:
        """Return what `sum_up` makes of a region as it is on disk; None where it lacks a chunk."""
        digests: Digests = {}
        for place in self.places(window):
            digest = digest_of_file(self.folder / place)
            if digest is None:
                return None
            digests[place] = digest
        return sum_up(facts, digests)

    def places(self, window: Window) -> Iterator[str]:
        """Return the paths of the chunks of a region."""
        inside = window.intersect(Window(0, 0, *self.size)) or Window(0, 0, 0, 0)
        for arrays in itertools.chain.from_iterable(self._arrays.values()):
            for level, array in enumerate(arrays[: 1 + STREAMED]):
                yield from map(self._place, array.chunks(_shrunk(inside, level)))

    def is_plausible(self, window: Window) -> bool:
        """Tell whether a region can be decoded and its overviews are those of its pixels."""
        try:
            for name, layer in self.layers.items():
                for arrays in self._arrays[name]:
                    values = arrays[0].read(window)
                    for level, array in enumerate(arrays[1 : 1 + STREAMED], 1):
                        values = halve(values, layer)
                        stored = array.read(_shrunk(window, level))
                        if not np.array_equal(stored, values, equal_nan=layer.dtype.kind == "f"):
                            return False
        except StagedDamageError:
            return False
        return True

    def _pyramids(self, layer: Layer) -> tuple[tuple[StagedArray, ...], ...]:
        return tuple(
            tuple(
                StagedArray(
                    self.folder / layer.name / str(plane) / str(level),
                    size,
                    level_chunk(self.chunk, level),
                    layer.dtype,
                    layer.fill,
                )
                for level, size in enumerate(level_sizes(*self.size))
            )
            for plane in range(layer.planes)
        )

    def _all(self) -> Iterator[StagedArray]:
        for pyramids in self._arrays.values():
            yield from itertools.chain.from_iterable(pyramids)

    def _place(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()

    def _named(self, written: Iterator[tuple[Path, bytes]]) -> Digests:
        return {self._place(file): digest for file, digest in written}

    def _check(self, layer: Layer, window: Window, planes: NDArray[Any]) -> None:
        height, width = self.size
        ends = (window.stop_row, height), (window.stop_col, width)
        if (
            window.row % self.chunk
            or window.col % self.chunk
            or any(stop > edge or (stop % self.chunk and stop != edge) for stop, edge in ends)
        ):
            raise ValueError(
                f"{window} does not hold whole chunks of {self.chunk} in an image of {self.size}"
            )
        expected = (layer.planes, window.height, window.width)
        if planes.shape != expected or planes.dtype != layer.dtype:
            raise ValueError(
                f"{layer.name} takes {expected} {layer.dtype} values for {window}; "
                f"received {planes.shape} {planes.dtype}"
            )


def _shrunk(window: Window, level: int) -> Window:
    """Return a window of whole chunks as it lies in an overview, whose sizes round up."""
    row, col = window.row >> level, window.col >> level
    stop_row, stop_col = -(-window.stop_row >> level), -(-window.stop_col >> level)
    return Window(row, col, stop_row - row, stop_col - col)


def _fill_overview(
    below: StagedArray, above: StagedArray, layer: Layer
) -> Iterator[tuple[Path, bytes]]:
    whole = Window(0, 0, *below.shape)
    for part in above.windows():
        twice = Window(2 * part.row, 2 * part.col, 2 * part.height, 2 * part.width)
        values = below.read(twice.intersect(whole) or whole)
        yield from above.write(part.row, part.col, halve(values, layer))
