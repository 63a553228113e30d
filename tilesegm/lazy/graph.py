"""Dask arrays of the layers of a map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, product
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import getter
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from tilesegm.grid.tiles import TileGrid
from tilesegm.grid.window import Window
from tilesegm.lazy.chunking import Chunking
from tilesegm.lazy.order import Order
from tilesegm.lazy.part import Part, Pieces, take_layer
from tilesegm.sink.layer import Layer

__all__ = ["lazy_layers", "touched"]


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
    for place in product(range(len(chunking.rows)), range(len(chunking.cols))):
        window = chunking.window(*place)
        pieces = () if pixels is None else _pieces(pixels, touched(plan.grid, window))
        tasks[(parts, *place)] = (Part, ordered, window, *pieces)
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


def touched(grid: TileGrid, window: Window) -> Window:
    """Return the pixels of the image that the tiles which touch a window see."""
    rows = grid.rows.cover(window.row, window.stop_row)
    cols = grid.cols.cover(window.col, window.stop_col)
    top, left = grid.rows.spans[rows[0]].start, grid.cols.spans[cols[0]].start
    bottom = min(grid.rows.spans[rows[-1]].start + grid.rows.tile, grid.rows.size)
    right = min(grid.cols.spans[cols[-1]].start + grid.cols.tile, grid.cols.size)
    return Window(top, left, bottom - top, right - left)


def _pieces(pixels: Any, window: Window) -> tuple[Pieces, list[list[list[Any]]]]:
    """Say which chunks of an array hold a window, and where they lie."""
    rows, cols = (
        [
            (number, stop - side, side)
            for number, (side, stop) in enumerate(zip(sides, accumulate(sides), strict=True))
            if stop - side < last and stop > first
        ]
        for sides, first, last in zip(
            pixels.chunks,
            (window.row, window.col),
            (window.stop_row, window.stop_col),
            strict=False,
        )
    )
    bands = [()] if pixels.ndim == 2 else [(n,) for n in range(len(pixels.chunks[2]))]
    keys = [
        [[(pixels.name, row[0], col[0], *band) for band in bands] for col in cols] for row in rows
    ]
    return Pieces(window, *(tuple(one[1:] for one in axis) for axis in (rows, cols))), keys


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
