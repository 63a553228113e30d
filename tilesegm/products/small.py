"""Small objects: who gets their pixels."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.products.objects import Borders, Objects

__all__ = ["SMALL", "Small", "remove_small"]

Small = Literal["merge", "largest", "drop"]

SMALL: tuple[Small, ...] = ("merge", "largest", "drop")


def remove_small(objects: Objects, sizes: NDArray[Any], limit: float, rule: Small) -> Objects:
    """Give the pixels of small objects to a neighbour, or to nobody.

    Args:
        objects: with their borders.
        sizes: ``(n,)`` size of each.
        limit: size from which one is not small.
        rule: ``merge`` gives one after the other, the smallest first, to the neighbour of the
            longest shared border, and what has grown together counts together; ``largest`` gives
            it to the largest neighbour, and if this one is small, to its largest one, as GDAL's
            sieve does; ``drop`` leaves its pixels without a class.

    Returns:
        The objects that are left. Those without a neighbour that is large enough stay.
    """
    small = sizes < limit
    if rule == "drop":
        return objects.relabel(np.where(small, -1, objects.ids))
    assert objects.borders is not None
    if rule == "largest":
        return objects.relabel(_to_largest(objects.ids, objects.borders, sizes, small))
    return objects.relabel(_Merging(objects.ids, objects.borders, sizes, limit).run())


def _to_largest(
    ids: NDArray[np.int32], borders: Borders, sizes: NDArray[Any], small: NDArray[np.bool_]
) -> NDArray[np.int32]:
    real = borders.one >= 0
    one = np.concatenate([borders.one[real], borders.other[real]])
    other = np.concatenate([borders.other[real], borders.one[real]])
    # The last of equal keys stays: the largest, and of equally large ones the first.
    order = np.lexsort((-other, sizes[other]))
    largest = np.full(len(ids), -1, np.int64)
    largest[one[order]] = other[order]
    target = np.arange(len(ids))
    target[small] = largest[small]
    lost = target < 0
    target[lost] = np.flatnonzero(lost)
    # Sizes grow along the way, so that it ends; two that are each other's largest go nowhere.
    for _ in range(len(ids).bit_length() + 1):
        target = target[target]
    return np.where(small[target], ids, ids[target])


class _Merging:
    """Merges small objects one by one."""

    def __init__(
        self, ids: NDArray[np.int32], borders: Borders, sizes: NDArray[Any], limit: float
    ) -> None:
        self._ids = ids.copy()
        self._sizes = sizes.tolist()
        self._limit = limit
        self._root = list(range(len(ids)))
        self._beside = dict(_neighbours(borders, sizes < limit))

    def run(self) -> NDArray[np.int32]:
        """Return the class of each object after all."""
        queue = [(size, n) for n, size in enumerate(self._sizes) if size < self._limit]
        heapq.heapify(queue)
        while queue:
            size, number = heapq.heappop(queue)
            if self._root[number] != number or self._sizes[number] != size:
                continue
            best = self._best(number)
            if best is None:
                continue
            grown = self._give(number, best)
            if self._sizes[grown] < self._limit:
                heapq.heappush(queue, (self._sizes[grown], grown))
        roots = np.array([self._find(n) for n in range(len(self._root))], np.int64)
        return np.asarray(self._ids[roots])

    def _find(self, number: int) -> int:
        root = number
        while self._root[root] != root:
            root = self._root[root]
        while self._root[number] != root:
            self._root[number], number = root, self._root[number]
        return root

    def _sides(self, number: int) -> Counter[int]:
        """Sides that a small object shares with each of its neighbours."""
        sides: Counter[int] = Counter()
        for other, count in self._beside[number].items():
            root = self._find(other)
            if root != number:
                sides[root] += count
        return sides

    def _best(self, number: int) -> int | None:
        sides = self._sides(number)
        if not sides:
            return None
        return max(sides, key=lambda other: (sides[other], self._sizes[other], -other))

    def _give(self, number: int, to: int) -> int:
        """Give an object to another, and join what is of the class of this one then."""
        kind = self._ids[to]
        alike = [other for other in self._sides(number) if self._ids[other] == kind]
        root = min(alike)
        together = {number, *alike}
        size = sum(self._sizes[one] for one in together)
        if size < self._limit:
            sides: Counter[int] = Counter()
            for one in together:
                sides.update(self._beside.pop(one))
            self._beside[root] = sides
        else:
            for one in together:
                self._beside.pop(one, None)
        for one in together:
            self._root[one] = root
        self._sizes[root], self._ids[root] = size, kind
        return root


def _neighbours(borders: Borders, small: NDArray[np.bool_]) -> Iterator[tuple[int, Counter[int]]]:
    """Return the sides that each small object shares with others."""
    real = borders.one >= 0
    one = np.concatenate([borders.one[real], borders.other[real]])
    other = np.concatenate([borders.other[real], borders.one[real]])
    sides = np.concatenate([borders.sides[real]] * 2)
    of_small = small[one]
    order = np.argsort(one[of_small], kind="stable")
    one, other, sides = (values[of_small][order] for values in (one, other, sides))
    ends = np.searchsorted(one, np.flatnonzero(small), "right").tolist()
    start = 0
    for number, end in zip(np.flatnonzero(small).tolist(), ends, strict=True):
        pairs = zip(other[start:end].tolist(), sides[start:end].tolist(), strict=True)
        yield number, Counter(dict(pairs))
        start = end
