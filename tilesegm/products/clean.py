"""Cleans a class map up: majority within a window, holes, small objects."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent, StageProgress, StageStarted, ignore
from tilesegm.ownership import state_of
from tilesegm.products.class_map import ClassMap, MapOptions, choose
from tilesegm.products.clean_file import CleanFile, check_clean_output
from tilesegm.products.extent import Extent
from tilesegm.products.holes import fill_holes
from tilesegm.products.labelling import label_strip
from tilesegm.products.majority import SmoothMap
from tilesegm.products.objects import Objects, find_objects
from tilesegm.products.selection import Selection, classes_of, without_small
from tilesegm.products.workplace import put, workplace
from tilesegm.sink.tiff_check import file_beside

__all__ = ["CleanOptions", "Cleaned", "clean"]


@dataclass(frozen=True, kw_only=True)
class CleanOptions:
    """What is done to a map, in this order.

    Raises:
        SettingsError: nothing is.
    """

    reading: MapOptions = field(default_factory=MapOptions)
    majority: Extent | None = None
    """Side of the square whose most frequent class a pixel takes."""
    fill: tuple[str, ...] = ()
    """Names or ids of classes whose holes are filled, one after the other."""
    max_hole: Extent | None = None
    """Area from which a hole stays."""
    selection: Selection = field(default_factory=Selection)
    """What is small, and what becomes of it."""

    def __post_init__(self) -> None:
        if self.majority is None and not self.fill and self.selection.least is None:
            raise SettingsError(
                "nothing is to be cleaned; give --majority, --fill-holes or --min-area"
            )
        if self.max_hole is not None and not self.fill:
            raise SettingsError("--max-hole limits the holes of --fill-holes; give it too")


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What was done."""

    image: str
    output: Path
    changed: int
    """Pixels that have another class than before, or none."""
    objects: tuple[int, int]
    """Before small ones and holes went, and afterwards."""
    seconds: float
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "image": self.image,
            "output": str(self.output),
            "changed_pixels": self.changed,
            "objects_before": self.objects[0],
            "objects": self.objects[1],
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def clean(
    image: Any,
    output: str | os.PathLike[str],
    options: CleanOptions,
    on_event: OnEvent = ignore,
) -> Cleaned:
    """Write a cleaned class map, in strips; the result is that of the whole map at once.

    Args:
        image: a class map, as `open_source` takes it.
        output: a GeoTIFF, ``.tif``, or an OME-Zarr, ``.zarr``.
        options: what is done.
        on_event: called with progress and notes.

    Raises:
        InputError: the map cannot be read, or options do not fit it.
        OutputError: the output cannot be written; nothing is under its name.
    """
    start, path = time.monotonic(), Path(output)

    def progress(fraction: float) -> None:
        on_event(StageProgress(fraction))

    with ClassMap(image, options.reading) as class_map:
        check_clean_output(path, class_map)
        states = {path: state_of(path)}
        notes = list(class_map.notes)
        smooth: Any = class_map
        if options.majority is not None:
            side = _odd(options.majority.pixels(class_map.ground, "--majority"))
            notes.append(f"each pixel takes the most frequent class of {side} x {side} px")
            smooth = SmoothMap(class_map, side)
        on_event(StageStarted("finding objects"))
        borders = options.selection.needs_borders or bool(options.fill)
        found = find_objects(smooth, borders=borders, confidence=False, progress=progress)
        classes, said = classes_of(class_map, found)
        objects, done = _change(class_map, found, classes, options)
        notes += [*said, *done]
        for note in notes:
            on_event(Noted(note))
        on_event(StageStarted(f"writing {path.name}"))
        with workplace(path) as work:
            steps = json.dumps(_steps(options))
            file = CleanFile(work / path.name, class_map, classes, steps)
            changed = file.write(_rows(class_map, smooth, objects), progress)
            put(work, path, (), states)
        file_beside(path).unlink(missing_ok=True)  # names of what stood there before
    return Cleaned(
        image=class_map.info.uri,
        output=path,
        changed=changed,
        objects=(len(found), len(objects)),
        seconds=time.monotonic() - start,
        notes=tuple(notes),
    )


def _change(
    class_map: ClassMap, objects: Objects, classes: tuple[ClassInfo, ...], options: CleanOptions
) -> tuple[Objects, list[str]]:
    notes = []
    names = [one.name for one in classes]
    info, most = class_map.info, options.max_hole
    for kind in sorted(choose(names, options.fill, "--fill-holes")):
        sizes, limit = _measure(class_map, objects, most, "--max-hole")
        objects, holes = fill_holes(objects, kind, (info.height, info.width), sizes, limit)
        notes.append(f"{holes:,} holes of {names[kind] if kind < len(names) else kind} were filled")
    if options.selection.least is not None:
        objects, said = without_small(class_map, objects, options.selection)
        notes.append(said)
    return objects, notes


def _measure(
    class_map: ClassMap, objects: Objects, limit: Extent | None, option: str
) -> tuple[NDArray[Any], float]:
    if limit is None:
        return objects.pixels, math.inf
    if limit.on_ground:
        return objects.area, limit.area_in(class_map.ground, option)
    return objects.pixels, limit.value


def _rows(
    class_map: ClassMap, smooth: Any, objects: Objects
) -> Iterator[tuple[NDArray[np.int32], int]]:
    """Give the new ids of each strip, and how many pixels differ from the map."""
    ids = np.append(objects.ids, np.int32(-1))[objects.of_parts]
    offset = 0
    old = _OldRows(class_map) if smooth is not class_map else None
    for strip in smooth.strips():
        parts = label_strip(strip.ids)
        new = ids[offset : offset + parts.count][parts.labels]
        offset += parts.count
        before = strip.ids if old is None else old.take(len(strip.ids))
        yield new, int(np.count_nonzero(new != before))


class _OldRows:
    """Rows of a map as it was, in pieces of any height."""

    def __init__(self, class_map: ClassMap) -> None:
        self._strips = class_map.strips()
        self._kept = np.zeros((0, class_map.info.width), np.int32)

    def take(self, rows: int) -> NDArray[np.int32]:
        while len(self._kept) < rows:
            self._kept = np.concatenate([self._kept, next(self._strips).ids])
        taken, self._kept = self._kept[:rows], self._kept[rows:]
        return taken


def _odd(side: float) -> int:
    """Return the nearest odd number of pixels from 3 on."""
    return max(3, 2 * round((side - 1) / 2) + 1)


def _steps(options: CleanOptions) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    if options.majority:
        steps["majority"] = options.majority.text
    if options.fill:
        steps["fill_holes"] = list(options.fill)
    if options.max_hole:
        steps["max_hole"] = options.max_hole.text
    if options.selection.least:
        steps["min_area"] = options.selection.least.text
        steps["small"] = options.selection.small
    return steps
