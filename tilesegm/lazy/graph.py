"""Dask arrays of the layers of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import getter
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from tilesegm.grid.axis import Axis
from tilesegm.grid.window import Window
from tilesegm.lazy.chunking import Chunking
from tilesegm.lazy.order import Order
from tilesegm.lazy.part import Part, Pieces, take_layer
from tilesegm.sink.layer import Layer

__all__ = ["lazy_layers"]


def lazy_layers(
    order: Order, chunking: Chunking, layers: Sequence[str], pixels: Any
) -> tuple[Any, ...]:
    """Return a dask array of each layer that is asked for.

    Several layers come from one pass of the network, over whole chunks. One alone computes no more
    than what slices leave of it.

    Args:
        order: what is computed.
        chunking: how it is cut.
        layers: names of layers.
        pixels: dask array of the image; None where chunks read it themselves.
    """
    plan = order.session.work.plan
    known = {layer.name: layer for layer in plan.decision.layers}
    token = tokenize(order.key, chunking)
    parts = f"tilesegm-part-{token}"
    ordered = f"tilesegm-order-{token}"
    tasks: dict[Any, Any] = {ordered: order}
    if pixels is not None:
        downs = _Seen.along(plan.grid.rows, chunking.rows, pixels.chunks[0])
        acrosses = _Seen.along(plan.grid.cols, chunking.cols, pixels.chunks[1])
    for (row, col), window in chunking.windows():
        pieces = () if pixels is None else _pieces(pixels, downs[row], acrosses[col])
        tasks[(parts, row, col)] = (Part, ordered, window, *pieces)
    graph = HighLevelGraph.from_collections(
        parts, tasks, dependencies=() if pixels is None else (pixels,)
    )
    if len(layers) == 1:
        number = list(known).index(layers[0])
        return (_array(graph, parts, known[layers[0]], chunking, number),)
    shared = f"tilesegm-results-{token}"
    passes = {(shared, *place[1:]): (Part.results, place) for place in tasks if place != ordered}
    graph = _with(graph, shared, parts, passes)
    return tuple(_array(graph, shared, known[name], chunking, None) for name in layers)


@dataclass(frozen=True)
class _Seen:
    """Pixels along an axis that the tiles of a chunk of the map see."""

    start: int
    stop: int
    numbers: tuple[int, ...]
    """Of the chunks of the image that hold them."""
    places: tuple[tuple[int, int], ...]
    """First pixel and size of these chunks."""

    @classmethod
    def along(cls, axis: Axis, sides: tuple[int, ...], image: tuple[int, ...]) -> tuple[_Seen, ...]:
        """Return what each chunk of the map sees, from the sizes of its chunks and the image's."""
        return tuple(
            cls._of(axis, stop - side, stop, image)
            for side, stop in zip(sides, accumulate(sides), strict=True)
        )

    @classmethod
    def _of(cls, axis: Axis, first: int, last: int, image: tuple[int, ...]) -> _Seen:
        tiles = axis.cover(first, last)
        start = axis.spans[tiles[0]].start
        stop = min(axis.spans[tiles[-1]].start + axis.tile, axis.size)
        chunks = [
            (number, end - side, side)
            for number, (side, end) in enumerate(zip(image, accumulate(image), strict=True))
            if end > start and end - side < stop
        ]
        numbers = tuple(number for number, *_ in chunks)
        return cls(start, stop, numbers, tuple((place, side) for _, place, side in chunks))


def _pieces(pixels: Any, down: _Seen, across: _Seen) -> tuple[Pieces, list[list[list[Any]]]]:
    """Say which chunks of an array hold what a chunk of the map sees, and where they lie."""
    seen = Window(down.start, across.start, down.stop - down.start, across.stop - across.start)
    bands = [()] if pixels.ndim == 2 else [(n,) for n in range(len(pixels.chunks[2]))]
    keys = [
        [[(pixels.name, row, col, *band) for band in bands] for col in across.numbers]
        for row in down.numbers
    ]
    return Pieces(seen, down.places, across.places), keys


def _array(
    graph: HighLevelGraph, source: str, layer: Layer, chunking: Chunking, number: int | None
) -> Any:
    """Return one layer.

    Args:
        graph: holds what it is made of.
        source: name of that.
        layer: what it is.
        chunking: how it is cut.
        number: of the layer, where it is taken from `Part`; else it is taken from results.
    """
    name = f"tilesegm-{layer.name}-{source.rpartition('-')[2]}"
    planes = ((layer.planes,),) if layer.planes > 1 else ()
    tasks: dict[Any, Any] = {}
    for row, col in product(range(len(chunking.rows)), range(len(chunking.cols))):
        key = (name, *(0 for _ in planes), row, col)
        sides = (*(one[0] for one in planes), chunking.rows[row], chunking.cols[col])
        if number is None:
            tasks[key] = (take_layer, (source, row, col), layer.name)
        else:
            index = (number, *(slice(0, side, 1) for side in sides))
            tasks[key] = (getter, (source, row, col), index)
    decoded = np.float32 if layer.dtype == np.uint8 and layer.name != "classes" else layer.dtype
    meta = np.empty((0,) * (2 + len(planes)), decoded)
    chunks = (*planes, chunking.rows, chunking.cols)
    return da.Array(_with(graph, name, source, tasks), name, chunks, meta=meta)


def _with(graph: HighLevelGraph, name: str, source: str, tasks: dict[Any, Any]) -> HighLevelGraph:
    """Add a layer to a graph."""
    layers = {**graph.layers, name: tasks}
    return HighLevelGraph(layers, {**graph.dependencies, name: {source}})
