"""Outlines of objects: rings of pixel corners, traced strip by strip and joined at the end.

A vertex is a corner of pixels where an outline turns. At each one, an outline comes along one line
of corners and leaves along the other, with its object to the left (as seen on screen). Along a line
the sides of pixels that belong to one outline are disjoint stretches, so that the n-th vertex that
begins a stretch and the n-th that ends one, from left to right or from top to bottom, follow each
other. So whole strips are traced by sorting alone. Where two pixels of one object touch at a corner
alone, its outline goes around the other two, so that no ring touches itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

__all__ = ["Chains", "OutlineTracer", "follow"]

_E, _N, _W, _S = range(4)
"""Directions: along the lower, right, upper and left side of the pixels of an object."""

_CONVEX = {"a": (_E, _N), "b": (_S, _E), "c": (_N, _W), "d": (_W, _S)}
"""How an outline comes to and leaves a corner that only one pixel of the object touches."""
_CONCAVE = {"a": (_S, _W), "b": (_W, _N), "c": (_E, _S), "d": (_N, _E)}
"""The same where all pixels but this one are the object's."""


@dataclass(frozen=True)
class _Vertices:
    """Vertices of a strip, from top to bottom and from left to right."""

    y: NDArray[np.int64]
    x: NDArray[np.int64]
    comes: NDArray[np.int8]
    leaves: NDArray[np.int8]
    of: NDArray[np.int64]
    """Object of each."""


@dataclass(frozen=True)
class Chains:
    """Pieces of rings, in the order in which their vertices are stored."""

    of: NDArray[np.int64]
    """Object of each."""
    lengths: NDArray[np.int64]
    first: NDArray[np.int64]
    """Position ``y * (width + 1) + x`` of the uppermost vertex, the leftmost of these."""
    after: NDArray[np.int64]
    """Chain that goes on; a closed ring goes on with itself."""


class OutlineTracer:
    """Traces strips of object numbers, and stores vertices as pairs of int32, x and y.

    Args:
        width: of the map in pixels.
        file: where vertices are stored.
        nodes: whether an outline has a vertex too where the outlines of two others meet it, as
            outlines that are simplified together need.
    """

    def __init__(self, width: int, file: BinaryIO, *, nodes: bool = False) -> None:
        self._width, self._file, self._nodes = width, file, nodes
        self._above = np.full((1, width + 2), -1, np.int64)
        self._row = 0
        self._count = 0
        self._parts: list[tuple[NDArray[np.int64], ...]] = []
        self._after: list[NDArray[np.int64]] = []
        # Vertices whose neighbour below is in a strip to come: column and chain.
        nothing = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._waiting = {_N: nothing, _S: nothing}

    def add(self, numbers: NDArray[np.int64]) -> None:
        """Trace the next rows: ``(rows, width)`` number of each pixel's object, -1 for none."""
        padded = np.pad(numbers, ((0, 0), (1, 1)), constant_values=-1)
        self._trace(np.concatenate([self._above, padded]))
        self._above = padded[-1:].copy()
        self._row += len(numbers)

    def finish(self) -> Chains:
        """Close all outlines at the lower edge of the map."""
        self._trace(np.concatenate([self._above, np.full_like(self._above, -1)]))
        columns = zip(*self._parts, strict=True) if self._parts else [()] * 3
        of, lengths, first = (np.concatenate([np.zeros(0, np.int64), *c]) for c in columns)
        after = np.full(self._count, -1, np.int64)
        for chains, successors in zip(self._after[::2], self._after[1::2], strict=True):
            after[chains] = successors
        return Chains(of, lengths, first, after)

    def _trace(self, rows: NDArray[np.int64]) -> None:
        found = _vertices(rows, self._row, self._nodes)
        count = len(found.y)
        after = np.full(count, -1, np.int64)
        for leaves, comes in ((_E, _E), (_W, _W)):
            after[found.leaves == leaves] = np.flatnonzero(found.comes == comes)
        down = np.lexsort((found.y, found.x))
        upper = down[found.leaves[down] == _S], down[found.comes[down] == _N]
        lower = down[found.comes[down] == _S], down[found.leaves[down] == _N]
        links = []
        for way, top, bottom in zip((_S, _N), upper, lower, strict=True):
            links.append(self._join(way, found, top, bottom))
        for way, (top, bottom, _, _) in zip((_S, _N), links, strict=True):
            one, other = (top, bottom) if way == _S else (bottom, top)
            inside = top >= 0
            after[one[inside]] = other[inside]
        order, chain = follow(after)
        self._store(found, order, chain)
        self._link(after, chain, links)
        self._count += int(chain[order[-1]]) + 1 if count else 0

    def _join(
        self, way: int, found: _Vertices, top: NDArray[np.int64], bottom: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], ...]:
        """Pair upper and lower ends of stretches of columns.

        Returns:
            The vertex at the upper end of each stretch, or ``-1 - chain`` for a chain of earlier
            strips; that at its lower end; and the columns and vertices that wait for one.
        """
        columns, chains = self._waiting[way]
        x = np.concatenate([columns, found.x[top]])
        tops = np.concatenate([-1 - chains, top])
        order = np.argsort(x, kind="stable")
        x, tops = x[order], tops[order]
        # Where a column has one more upper end than lower ones, its last one waits.
        size = self._width + 2
        more = np.bincount(x, minlength=size) - np.bincount(found.x[bottom], minlength=size)
        last = np.flatnonzero(np.append(x[1:] != x[:-1], True)[: len(x)])
        open_ones = last[more[x[last]] > 0]
        waits = np.zeros(len(x), bool)
        waits[open_ones] = True
        return tops[~waits], bottom, x[waits], tops[waits]

    def _store(self, found: _Vertices, order: NDArray[np.int64], chain: NDArray[np.int64]) -> None:
        if not len(order):
            return
        points = np.stack([found.x[order], found.y[order]], axis=1).astype(np.int32)
        self._file.write(points.tobytes())
        starts = np.flatnonzero(np.diff(chain[order], prepend=-1))
        code = found.y[order] * (self._width + 1) + found.x[order]
        self._parts.append(
            (
                found.of[order[starts]],
                np.diff(starts, append=len(order)),
                np.minimum.reduceat(code, starts),
            )
        )

    def _link(
        self,
        after: NDArray[np.int64],
        chain: NDArray[np.int64],
        links: list[tuple[NDArray[np.int64], ...]],
    ) -> None:
        closed = np.full(int(chain.max(initial=-1)) + 1, True)
        closed[chain[after < 0]] = False
        rings = np.flatnonzero(closed) + self._count
        self._after += [rings, rings]
        for way, (tops, bottoms, columns, waiting) in zip((_S, _N), links, strict=True):
            earlier = tops < 0
            old, new = -1 - tops[earlier], chain[bottoms[earlier]] + self._count
            self._after += [old, new] if way == _S else [new, old]
            still = waiting < 0
            chains = np.where(still, -1 - waiting, 0)
            chains[~still] = chain[waiting[~still]] + self._count
            self._waiting[way] = columns, chains


def _vertices(rows: NDArray[np.int64], top: int, nodes: bool) -> _Vertices:
    """Find the vertices at the corners between rows; ``rows`` has a column more on both sides."""
    across = rows[:, 1:] != rows[:, :-1]
    along = rows[1:] != rows[:-1]
    corners = (across[1:] | across[:-1]) & (along[:, 1:] | along[:, :-1])
    y, x = np.nonzero(corners)
    a, b, c, d = rows[y, x], rows[y, x + 1], rows[y + 1, x], rows[y + 1, x + 1]
    pixels = {"a": a, "b": b, "c": c, "d": d}
    found: list[tuple[NDArray[np.int64], int, int, NDArray[np.int64]]] = []

    def add(where: NDArray[np.bool_], way: tuple[int, int], of: NDArray[np.int64]) -> None:
        at = np.flatnonzero(where & (of >= 0))
        found.append((at, *way, of[at]))

    opposite = {"a": "d", "d": "a", "b": "c", "c": "b"}
    for name, own in pixels.items():
        facing = pixels[opposite[name]]
        one, other = (pixels[n] for n in pixels if n not in (name, opposite[name]))
        add((own != one) & (own != other) & (own != facing), _CONVEX[name], own)
        add((one == other) & (own != one), _CONCAVE[name], one)
    if nodes:
        for way, own, beside, (one, other) in (
            (_E, a, b, (c, d)),
            (_W, c, d, (a, b)),
            (_N, a, c, (b, d)),
            (_S, b, d, (a, c)),
        ):
            three = (own == beside) & (one != other) & (own != one) & (own != other)
            add(three, (way, way), own)
    at = np.concatenate([each[0] for each in found])
    comes = np.concatenate([np.full(len(each[0]), each[1], np.int8) for each in found])
    leaves = np.concatenate([np.full(len(each[0]), each[2], np.int8) for each in found])
    of = np.concatenate([each[3] for each in found])
    order = np.argsort(at, kind="stable")
    at = at[order]
    return _Vertices(y[at] + top, x[at], comes[order], leaves[order], of[order])


def follow(after: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Walk along all paths and circles.

    Args:
        after: what follows each node, -1 for the end of a path; no two have one successor.

    Returns:
        All nodes, path by path, each from its beginning, and each circle from its lowest node;
        and for each node the number of its path in that order.
    """
    count = len(after)
    if not count:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    has = after >= 0
    pointers = np.concatenate([[0], np.cumsum(has)])
    graph = csr_array((np.ones(pointers[-1]), after[has], pointers), shape=(count, count))
    paths, of = connected_components(graph, directed=False)
    first = np.full(paths, count, np.int64)
    np.minimum.at(first, of, np.arange(count))
    before = np.full(count, -1, np.int64)
    before[after[has]] = np.flatnonzero(has)
    heads = np.flatnonzero(before < 0)
    first[of[heads]] = heads
    into = before[first]
    has[into[into >= 0]] = False
    tails = np.flatnonzero(~has)
    last = np.empty(paths, np.int64)
    last[of[tails]] = tails
    # The end of each path leads to the beginning of the next: one walk passes all of them.
    turns = np.argsort(first)
    chained = np.where(has, after, 0)
    chained[last[turns[:-1]]] = first[turns[1:]]
    has[last[turns[:-1]]] = True
    pointers = np.concatenate([[0], np.cumsum(has)])
    graph = csr_array((np.ones(pointers[-1]), chained[has], pointers), shape=(count, count))
    begin = int(first[turns[0]])
    order = depth_first_order(graph, begin, return_predecessors=False).astype(np.int64)
    begins = np.zeros(count, bool)
    begins[first] = True
    numbers = np.empty(count, np.int64)
    numbers[order] = np.cumsum(begins[order]) - 1
    return order, numbers
