"""Polygons of objects, assembled from the chains of their outlines in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.products.class_map import ClassMap
from tilesegm.products.objects import Objects
from tilesegm.products.outlines import Chains, OutlineTracer, follow

__all__ = ["Outlines", "trace_objects"]

_BATCH = 1 << 20
"""Vertices of the polygons that are assembled together, unless one alone has more."""


@dataclass(frozen=True)
class Outlines:
    """Rings of objects, whose vertices lie in a file."""

    path: Path
    count: int
    """Number of objects."""
    pieces: NDArray[np.int64]
    """``(n, 2)`` first vertex in the file and number of vertices of each chain, ring by ring."""
    rings: NDArray[np.int64]
    """First piece of each ring, and the end; those of an object together, its outer one first."""
    objects: NDArray[np.int64]
    """``(count + 1,)`` first ring of each object, and the end."""

    def batches(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Make the polygons of some objects after the other, in pixel coordinates: x, y."""
        if not self.count:
            return
        vertices = np.memmap(self.path, np.int32, "r").reshape(-1, 2)
        sizes = np.add.reduceat(self.pieces[:, 1], self.rings[:-1][self.objects[:-1]])
        ends = np.cumsum(sizes)
        start = 0
        while start < self.count:
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + _BATCH, "right")))
            yield slice(start, stop), self._assemble(vertices, start, stop)
            start = stop

    def _assemble(self, vertices: Any, start: int, stop: int) -> NDArray[Any]:
        import shapely

        first_ring, last_ring = self.objects[start], self.objects[stop]
        rings = self.rings[first_ring : last_ring + 1]
        pieces = self.pieces[rings[0] : rings[-1]]
        opens = rings[:-1] - rings[0]
        # A ring ends with its first vertex: a piece of one more vertex behind each ring.
        closing = np.column_stack([pieces[opens, 0], np.ones(len(opens), np.int64)])
        ends = rings[1:] - rings[0]
        pieces = np.insert(pieces, ends, closing, axis=0)
        lengths = pieces[:, 1]
        stops = np.cumsum(lengths)
        places = np.repeat(pieces[:, 0] - (stops - lengths), lengths) + np.arange(stops[-1])
        points = vertices[places].astype(np.float64)
        of_rings = np.concatenate([[0], stops[ends + np.arange(len(ends))]])
        of_objects = self.objects[start : stop + 1] - first_ring
        kind = shapely.GeometryType.POLYGON
        return np.asarray(shapely.from_ragged_array(kind, points, (of_rings, of_objects)))


def trace_objects(
    class_map: ClassMap,
    objects: Objects,
    path: Path,
    *,
    nodes: bool = False,
    progress: Any = lambda done: None,
) -> Outlines:
    """Trace the outlines of objects in a second pass over the strips of their map.

    Args:
        class_map: the open map.
        objects: of the map; those that were gathered or left out are no longer seen.
        path: of the file that vertices are stored in.
        nodes: see `OutlineTracer`.
        progress: called with the fraction of rows that are done.
    """
    from tilesegm.products.labelling import label_strip

    offset = 0
    with path.open("wb") as file:
        tracer = OutlineTracer(class_map.info.width, file, nodes=nodes)
        for strip in class_map.strips():
            parts = label_strip(strip.ids)
            tracer.add(objects.of_parts[offset : offset + parts.count][parts.labels])
            offset += parts.count
            progress((strip.row + len(strip.ids)) / class_map.info.height)
        chains = tracer.finish()
    return _sort(chains, len(objects), path)


def _sort(chains: Chains, count: int, path: Path) -> Outlines:
    """Put chains in the order of rings, and rings in that of objects."""
    order, ring = follow(chains.after)
    rings = int(ring.max(initial=-1)) + 1
    first = np.full(rings, np.iinfo(np.int64).max)
    np.minimum.at(first, ring, chains.first)
    of = np.zeros(rings, np.int64)
    of[ring] = chains.of
    # Nothing of an object lies above its outer ring, so this one begins first.
    sorted_rings = np.lexsort((first, of))
    rank = np.empty(rings, np.int64)
    rank[sorted_rings] = np.arange(rings)
    order = order[np.argsort(rank[ring[order]], kind="stable")]
    begins = np.cumsum(chains.lengths) - chains.lengths
    pieces = np.column_stack([begins[order], chains.lengths[order]])
    per_ring = np.bincount(rank[ring], minlength=rings)
    per_object = np.bincount(of, minlength=count)
    return Outlines(
        path,
        count,
        pieces.astype(np.int64),
        np.concatenate([[0], np.cumsum(per_ring)]).astype(np.int64),
        np.concatenate([[0], np.cumsum(per_object)]).astype(np.int64),
    )
