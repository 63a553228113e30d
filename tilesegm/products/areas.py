"""Areas of the classes of maps."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.errors import InputError
from tilesegm.events import OnEvent, PixelsDone, RunStarted, ignore
from tilesegm.products.adjusted import Adjusted, adjust_areas
from tilesegm.products.class_map import ClassMap, MapOptions
from tilesegm.products.objects import find_objects

__all__ = ["FIRST_COLUMNS", "ClassAreas", "adjusted", "areas_csv", "measure_areas"]

FIRST_COLUMNS = ("image", "pixels", "pixels_without_class")

_HECTARE = 1e4


@dataclass(frozen=True, kw_only=True)
class ClassAreas:
    """How much of a map each class has."""

    image: str
    classes: tuple[ClassInfo, ...]
    pixels: NDArray[np.int64]
    """``(K,)``."""
    areas: NDArray[np.float64]
    """``(K,)`` in ``unit``."""
    unit: Literal["m2", "um2", "px"]
    missing: int
    """Pixels without a class."""
    named: int
    """How many classes are known by name; others are shown where they have pixels."""
    objects: NDArray[np.int64] | None = None
    """``(K,)`` connected parts of each class, if they were counted."""
    adjusted: Adjusted | None = None
    """Areas in ``unit`` corrected for errors, if an evaluation told them."""
    how: str = ""
    """How areas were found, in words."""
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> float:
        """Area of all classes."""
        return float(self.areas.sum())

    @property
    def shown(self) -> list[tuple[int, ClassInfo]]:
        """Ids and classes that are worth a row."""
        there = {info.name for n, info in enumerate(self.classes) if self.pixels[n]}
        return [
            (n, info)
            for n, info in enumerate(self.classes)
            if self.pixels[n] or (n < self.named and info.name not in there)
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Plain values by class."""
        rows = []
        for n, info in self.shown:
            row: dict[str, Any] = {"name": info.name, "pixels": int(self.pixels[n])}
            row |= self._in_units("", float(self.areas[n]))
            if self.objects is not None:
                row["objects"] = int(self.objects[n])
            if self.adjusted is not None:
                row |= self._in_units("adjusted_", float(self.adjusted.areas[n]))
                row |= self._in_units("adjusted_margin_95_", float(self.adjusted.margins[n]))
            rows.append(row)
        return rows

    def _in_units(self, prefix: str, area: float) -> dict[str, float]:
        if self.unit == "m2":
            return {f"{prefix}m2": area, f"{prefix}ha": area / _HECTARE}
        if self.unit == "um2":
            return {f"{prefix}um2": area}
        return {f"{prefix}pixels": area} if prefix else {}


def measure_areas(
    image: Any,
    options: MapOptions | None = None,
    *,
    objects: bool = False,
    on_event: OnEvent = ignore,
) -> ClassAreas:
    """Measure the areas of the classes of a map, in one pass over it.

    Args:
        image: a class map, as `open_source` takes it.
        options: how it is read.
        objects: whether to count the connected parts of each class too, whose pixels share a side.
        on_event: called with progress.

    Raises:
        InputError: it cannot be read, or is no class map.
    """
    with ClassMap(image, options) as class_map:
        info = class_map.info
        on_event(RunStarted(info.uri, info.pixels, 0))
        pixels: NDArray[Any] = np.zeros(0, np.int64)
        areas: NDArray[Any] = np.zeros(0)
        parts: NDArray[Any] | None = None
        if objects:
            found = find_objects(
                class_map,
                confidence=False,
                progress=_reporter(info.pixels, on_event),
            )
            pixels = np.bincount(found.ids, found.pixels).astype(np.int64)
            areas = np.bincount(found.ids, found.area)
            parts = np.bincount(found.ids)
        else:
            for strip in class_map.strips():
                rows = class_map.ground.rows[strip.row : strip.row + len(strip.ids)]
                pixels = _add(pixels, np.bincount(strip.ids[strip.ids >= 0]))
                areas = _add(areas, _sums(strip.ids, rows))
                on_event(PixelsDone(strip.ids.size))
        count = max(len(pixels), len(class_map.names))
        classes = class_map.classes(count)
        return ClassAreas(
            image=info.uri,
            classes=classes,
            pixels=_add(pixels, np.zeros(count, np.int64)),
            areas=_add(areas, np.zeros(count)),
            unit=class_map.ground.unit,
            named=len(class_map.names),
            missing=info.pixels - int(pixels.sum()),
            objects=None if parts is None else _add(parts, np.zeros(count, np.int64)),
            how=class_map.ground.how,
            notes=class_map.notes,
        )


def adjusted(
    measured: ClassAreas, names: tuple[str, ...], confusion: NDArray[np.float64]
) -> ClassAreas:
    """Add areas that are corrected for the errors that an evaluation counted.

    Args:
        measured: areas of a map.
        names: of the classes of the evaluation.
        confusion: see `adjust_areas`.

    Raises:
        InputError: the evaluation is of other classes.
    """
    own = tuple(one.name for one in measured.classes)
    if own != names:
        raise InputError(
            f"the evaluation has the classes {', '.join(names)} and {measured.image} "
            f"{', '.join(own)}; evaluate this map with --classes '{','.join(own)}'"
        )
    return replace(measured, adjusted=adjust_areas(measured.areas, confusion))


def areas_csv(maps: Sequence[ClassAreas]) -> str:
    """Return a table with a row per map, and columns for each class of any of them.

    The share of a class is that of the area of all classes of the map, from 0 to 1.
    """
    rows = []
    columns: dict[str, None] = dict.fromkeys(FIRST_COLUMNS)
    for one in maps:
        row: dict[str, Any] = dict(
            zip(FIRST_COLUMNS, (one.image, int(one.pixels.sum()), one.missing), strict=True)
        )
        for values, (number, _) in zip(one.rows(), one.shown, strict=True):
            name = values.pop("name")
            row |= {f"{name} {unit}": value for unit, value in values.items()}
            row[f"{name} share"] = float(one.areas[number]) / (one.total or 1.0)
        columns |= dict.fromkeys(row)
        rows.append(row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _reporter(pixels: int, on_event: OnEvent) -> Any:
    done = 0

    def report(fraction: float) -> None:
        nonlocal done
        now = round(pixels * fraction)
        on_event(PixelsDone(now - done))
        done = now

    return report


def _sums(ids: NDArray[np.int32], row_areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up areas by id: row by row where rows differ."""
    if (row_areas == row_areas[0]).all():
        return np.asarray(np.bincount(ids[ids >= 0]) * row_areas[0])
    sums = np.zeros(0)
    for row, area in zip(ids, row_areas, strict=True):
        sums = _add(sums, np.bincount(row[row >= 0]) * area)
    return sums


def _add(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Add arrays of any lengths."""
    if len(one) < len(other):
        one, other = other, one
    total = one.astype(np.result_type(one, other))
    total[: len(other)] += other
    return total
