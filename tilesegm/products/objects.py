"""Objects of a class map: connected pixels of one class, found out of core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.products.class_map import ClassMap, Strip
from tilesegm.products.labelling import Parts, connect, count_pairs, label_strip

__all__ = ["Borders", "Objects", "find_objects"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Borders:
    """How many sides of pixels two objects share."""

    one: NDArray[np.int64]
    """The lower number of each pair; -1 stands for pixels without a class."""
    other: NDArray[np.int64]
    sides: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Objects:
    """All objects of a map, in the order of their first pixels, row by row."""

    ids: NDArray[np.int32]
    """``(n,)`` class of each."""
    pixels: NDArray[np.int64]
    area: NDArray[np.float64]
    """In the unit of the map's ground."""
    box: NDArray[np.int64]
    """``(n, 4)`` first row, first column, and those after the last."""
    confidence: NDArray[np.float64] | None
    """``(n,)`` sum of confidence, and in how many pixels it is known."""
    known: NDArray[np.int64] | None
    of_parts: NDArray[np.int64]
    """Object of each part of each strip, -1 for pixels without a class."""
    borders: Borders | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def mean_confidence(self) -> NDArray[np.float64] | None:
        """``(n,)``, NaN where it is not known."""
        if self.confidence is None or self.known is None:
            return None
        with np.errstate(invalid="ignore"):
            return np.asarray(self.confidence / self.known)

    def gather(self, into: NDArray[np.int64]) -> Self:
        """Give the pixels of each object to another, or to none.

        Args:
            into: ``(n,)`` object that takes each one's pixels, itself as a rule, or -1 for nobody.
                One that takes keeps its own.

        Returns:
            The objects that are left, numbered anew.
        """
        kept = into == np.arange(len(into))
        numbers = np.where(kept, np.cumsum(kept) - 1, -1)
        new = np.append(numbers[into], -1)
        new[:-1][into < 0] = -1
        given, count = new[:-1] >= 0, int(kept.sum())
        to = new[:-1][given]

        def add(values: Array | None) -> Any:
            if values is None:
                return None
            sums = np.bincount(to, values[given], minlength=count)
            return sums.astype(values.dtype)

        box = self.box[kept]
        for column, take in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
            take.at(box[:, column], to, self.box[given, column])
        return replace(
            self,
            ids=self.ids[kept],
            pixels=add(self.pixels),
            area=add(self.area),
            box=box,
            confidence=add(self.confidence),
            known=add(self.known),
            of_parts=new[self.of_parts],
            borders=None,
        )


def find_objects(
    class_map: ClassMap,
    *,
    borders: bool = False,
    confidence: bool = True,
    progress: Callable[[float], None] = lambda done: None,
) -> Objects:
    """Find the objects of a map in one pass over its strips.

    Args:
        class_map: the open map.
        borders: whether to count the sides that objects share.
        confidence: whether to sum up the confidence, where the map has it.
        progress: called with the fraction of rows that are done.
    """
    finder = _Finder(class_map, borders)
    for strip in class_map.strips(confidence=confidence and class_map.has_confidence):
        finder.add(strip)
        progress((strip.row + len(strip.ids)) / class_map.info.height)
    return finder.join()


@dataclass(frozen=True)
class _Table:
    """Sums by part of a strip."""

    ids: Array
    pixels: Array
    area: Array
    box: Array
    confidence: Array | None
    known: Array | None


class _Finder:
    """Gathers parts of strips, and joins them across strips."""

    def __init__(self, class_map: ClassMap, borders: bool) -> None:
        self._rows = class_map.ground.rows
        self._with_borders = borders
        self._tables: list[_Table] = []
        self._links: list[tuple[Array, Array]] = []
        self._pairs: list[tuple[Array, Array, Array]] = []
        self._total = 0
        self._above: tuple[Array, Array] | None = None

    def add(self, strip: Strip) -> None:
        ids, parts = strip.ids, label_strip(strip.ids)
        self._tables.append(_sums(strip, parts, self._rows))
        if self._with_borders:
            self._pairs.append(_inner_borders(ids, parts, self._total))
        if self._above is not None:
            above, upper = self._above
            lower = parts.labels[0].astype(np.int64) + self._total
            same = above == ids[0]
            self._links.append(_pairs(upper[same], lower[same]))
            if self._with_borders:
                self._pairs.append(count_pairs(upper[~same], lower[~same]))
        self._above = ids[-1], parts.labels[-1].astype(np.int64) + self._total
        self._total += parts.count

    def join(self) -> Objects:
        one, other = (np.concatenate(c) for c in zip(_nothing(), *self._links, strict=True))
        groups, count = connect(one, other, self._total)

        def all_of(name: str) -> Any:
            columns = [getattr(table, name) for table in self._tables]
            return None if columns[0] is None else np.concatenate(columns)

        ids = np.zeros(count, np.int32)
        ids[groups] = all_of("ids")
        box = np.full((count, 4), np.iinfo(np.int64).max)
        box[:, 2:] = 0
        parts = all_of("box")
        for column, take in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
            take.at(box[:, column], groups, parts[:, column])

        def add(name: str) -> Any:
            values = all_of(name)
            if values is None:
                return None
            return np.bincount(groups, values, minlength=count).astype(values.dtype)

        everything = Objects(
            ids=ids,
            pixels=add("pixels"),
            area=add("area"),
            box=box,
            confidence=add("confidence"),
            known=add("known"),
            of_parts=groups.astype(np.int64),
        )
        own = np.arange(count)
        present = ids >= 0
        found = everything.gather(np.where(present, own, -1))
        return replace(found, borders=self._borders(found.of_parts))

    def _borders(self, of_parts: Array) -> Borders | None:
        if not self._with_borders:
            return None
        nothing = tuple(np.zeros(0, np.int64) for _ in range(3))
        one, other, sides = (np.concatenate(c) for c in zip(nothing, *self._pairs, strict=True))
        # One more, so that -1 is a number too.
        one, other, sides = count_pairs(of_parts[one] + 1, of_parts[other] + 1, sides)
        return Borders(one - 1, other - 1, sides)


def _nothing() -> tuple[Array, Array]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def _pairs(one: Array, other: Array) -> tuple[Array, Array]:
    codes = np.unique((one << 32) | other)
    return codes >> 32, codes & 0xFFFFFFFF


def _sums(strip: Strip, parts: Parts, row_areas: Array) -> _Table:
    width = strip.ids.shape[1]
    row, col = np.divmod(parts.starts, width)
    row += strip.row
    box = np.empty((parts.count, 4), np.int64)
    box[:, :2], box[:, 2:] = np.iinfo(np.int64).max, 0
    for column, values, take in (
        (0, row, np.minimum),
        (1, col, np.minimum),
        (2, row + 1, np.maximum),
        (3, col + parts.lengths, np.maximum),
    ):
        take.at(box[:, column], parts.of_runs, values)
    ids = np.empty(parts.count, np.int32)
    ids[parts.of_runs] = strip.ids.reshape(-1)[parts.starts]

    def add(values: Array) -> Array:
        return np.bincount(parts.of_runs, values, minlength=parts.count)

    confidence = known = None
    if strip.confidence is not None:
        values = strip.confidence.reshape(-1)
        there = np.isfinite(values)
        sums = np.add.reduceat(np.where(there, values, 0), parts.starts, dtype=np.float64)
        confidence = add(sums)
        known = add(np.add.reduceat(there, parts.starts, dtype=np.int64)).astype(np.int64)
    return _Table(
        ids=ids,
        pixels=add(parts.lengths).astype(np.int64),
        area=add(parts.lengths * row_areas[row]),
        box=box,
        confidence=confidence,
        known=known,
    )


def _inner_borders(ids: Array, parts: Parts, offset: int) -> tuple[Array, Array, Array]:
    later = np.flatnonzero(parts.starts % ids.shape[1])
    apart = ids[1:] != ids[:-1]
    one = np.concatenate([parts.of_runs[later - 1], parts.labels[:-1][apart]])
    other = np.concatenate([parts.of_runs[later], parts.labels[1:][apart]])
    low, high, sides = count_pairs(one, other)
    return low + offset, high + offset, sides
