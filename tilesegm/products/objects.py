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

    def renumber(self, numbers: NDArray[np.int64]) -> Borders:
        """Take other numbers of objects, the last of which is that of -1, and join what is one."""
        one, other = numbers[self.one], numbers[self.other]
        apart = one != other
        # One more, so that -1 is a number too.
        low, high, sides = count_pairs(one[apart] + 1, other[apart] + 1, self.sides[apart])
        return Borders(low - 1, high - 1, sides)


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

    def relabel(self, ids: NDArray[np.int32]) -> Self:
        """Give objects other classes, and join those of one class that share a border then.

        Args:
            ids: ``(n,)`` class of each, -1 for those that are left out.

        Returns:
            The objects that are left, numbered anew in the order of their first pixels.
        """
        nothing = np.zeros(0, np.int64)
        one, other = nothing, nothing
        if self.borders is not None:
            one, other = self.borders.one, self.borders.other
            same = (one >= 0) & (ids[one] == ids[other]) & (ids[other] >= 0)
            one, other = one[same], other[same]
        groups, count = connect(one, other, len(self))
        taken = ids >= 0
        kept = np.zeros(count, bool)
        kept[groups[taken]] = True
        new = np.where(taken, (np.cumsum(kept) - 1)[groups], -1)
        to, count = new[taken], int(kept.sum())

        def add(values: Array | None) -> Any:
            if values is None:
                return None
            return np.bincount(to, values[taken], minlength=count).astype(values.dtype)

        new_ids = np.zeros(count, np.int32)
        new_ids[to] = ids[taken]
        numbers = np.append(new, -1)
        return replace(
            self,
            ids=new_ids,
            pixels=add(self.pixels),
            area=add(self.area),
            box=_join_boxes(self.box[taken], to, count),
            confidence=add(self.confidence),
            known=add(self.known),
            of_parts=numbers[self.of_parts],
            borders=self.borders and self.borders.renumber(numbers),
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

        def add(name: str) -> Any:
            values = all_of(name)
            if values is None:
                return None
            return np.bincount(groups, values, minlength=count).astype(values.dtype)

        ids = np.zeros(count, np.int32)
        ids[groups] = all_of("ids")
        borders = None
        if self._with_borders:
            nothing = tuple(np.zeros(0, np.int64) for _ in range(3))
            pairs = (np.concatenate(c) for c in zip(nothing, *self._pairs, strict=True))
            one, other, sides = pairs
            borders = Borders(*count_pairs(groups[one], groups[other], sides))
        everything = Objects(
            ids=ids,
            pixels=add("pixels"),
            area=add("area"),
            box=_join_boxes(all_of("box"), groups, count),
            confidence=add("confidence"),
            known=add("known"),
            of_parts=groups.astype(np.int64),
            borders=borders,
        )
        return everything.relabel(ids)


def _join_boxes(boxes: Array, groups: Array, count: int) -> Array:
    joined = np.full((count, 4), np.iinfo(np.int64).max)
    joined[:, 2:] = 0
    for column, take in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
        take.at(joined[:, column], groups, boxes[:, column])
    return joined


def _nothing() -> tuple[Array, Array]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def _pairs(one: Array, other: Array) -> tuple[Array, Array]:
    codes = np.unique((one << 32) | other)
    return codes >> 32, codes & 0xFFFFFFFF


def _sums(strip: Strip, parts: Parts, row_areas: Array) -> _Table:
    width = strip.ids.shape[1]
    row, col = np.divmod(parts.starts, width)
    row += strip.row
    box = np.column_stack([row, col, row + 1, col + parts.lengths])
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
        box=_join_boxes(box, parts.of_runs, parts.count),
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
