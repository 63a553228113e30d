"""Turns a class map into a file of polygons."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.counted import counted
from tilesegm.errors import OutputError, SourceError, TilesegmError
from tilesegm.events import Noted, OnEvent, StageProgress, StageStarted, ignore
from tilesegm.ownership import state_of
from tilesegm.products.class_map import ClassMap, MapOptions
from tilesegm.products.extent import Extent
from tilesegm.products.formats import Format, format_of
from tilesegm.products.objects import Objects, find_objects
from tilesegm.products.polygon_table import PolygonTable, Shapes, attributes_of
from tilesegm.products.polygons import trace_objects
from tilesegm.products.selection import Selection, select
from tilesegm.products.simplify import simplify_outlines, told_change
from tilesegm.products.workplace import check_target, put, workplace
from tilesegm.shown import line_of
from tilesegm.source.base import Georeference

__all__ = ["PolygonOptions", "Polygonized", "check_polygons", "polygonize"]

_TOLD = 20
"""Classes that a line tells."""


@dataclass(frozen=True, kw_only=True)
class PolygonOptions:
    """How polygons are made of a map."""

    reading: MapOptions = field(default_factory=MapOptions)
    selection: Selection = field(default_factory=Selection)
    simplify: Extent | None = None
    """Tolerance of simplifying; see `simplify_outlines`."""


@dataclass(frozen=True, kw_only=True)
class Polygonized:
    """What a file of polygons holds."""

    image: str
    output: Path
    format: str
    classes: tuple[ClassInfo, ...]
    counts: tuple[int, ...]
    """Polygons of each class."""
    seconds: float
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """Say in a line what was written."""
        pairs = zip(self.classes, self.counts, strict=True)
        told = [f"{one.name} {count:,}" for one, count in pairs if count]
        more = f" and {len(told) - _TOLD} more classes" if len(told) > _TOLD else ""
        return (
            f"{self.output}: "
            f"{counted(sum(self.counts), 'polygon')} ({', '.join(told[:_TOLD])}{more}), "
            f"{self.format}, {self.seconds:.1f} s"
        )

    def summary(self) -> dict[str, Any]:
        """Plain values."""
        by_class = zip(self.classes, self.counts, strict=True)
        return {
            "image": self.image,
            "output": str(self.output),
            "format": self.format,
            "polygons": sum(self.counts),
            "classes": {one.name: count for one, count in by_class if count},
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def check_polygons(output: Path, read: Iterable[tuple[str, str]], place: Georeference) -> Format:
    """Refuse an output of polygons that cannot be written, before any work.

    Args:
        output: path of the file.
        read: what each input is, and where.
        place: where the map lies.

    Raises:
        SettingsError: its suffix is that of no format.
        OutputError: it cannot be written, or would replace what is not ours or is read.
        SourceError: a package is missing.
    """
    form = format_of(output, place)
    with _packages():
        pass
    check_target(output, read)
    form.check_place(output)
    return form


def polygonize(
    image: Any,
    output: str | os.PathLike[str],
    options: PolygonOptions | None = None,
    on_event: OnEvent = ignore,
) -> Polygonized:
    """Write the objects of a class map as polygons.

    Objects are connected pixels of one class that share a side. The map is read twice, in strips;
    the result is the same as that of the whole map at once. Memory grows with the number of
    objects (about 200 bytes each) and with the vertices of the largest one.

    Args:
        image: a class map, as `open_source` takes it.
        output: ``.gpkg``, ``.fgb``, ``.geojson``, ``.parquet``, ``.shp`` or ``.json`` (COCO).
        options: what is left out and how the map is read.
        on_event: called with progress and notes.

    Raises:
        InputError: the map cannot be read, has no pixels with a class, or options do not fit it.
        OutputError: the output cannot be written; nothing is under its name.
    """
    start, path = time.monotonic(), Path(output)
    options = options or PolygonOptions()
    with ClassMap(image, options.reading) as class_map:
        form = check_polygons(path, class_map.reads, class_map.info.georeference)
        states = {
            place: state_of(place)
            for place in (path, *(path.with_suffix(suffix) for suffix in form.members))
        }
        notes = [*class_map.notes, *([form.note] if form.note else [])]
        notes += form.pixel_notes(class_map.info)

        def progress(fraction: float) -> None:
            on_event(StageProgress(fraction))

        on_event(StageStarted("finding objects"))
        objects = find_objects(
            class_map, borders=options.selection.needs_borders, progress=progress
        )
        objects, classes, said = select(class_map, objects, options.selection)
        tolerance = options.simplify and options.simplify.pixels(class_map.ground, "--simplify")
        notes += said
        for note in notes:
            on_event(Noted(note))
        with workplace(path) as work, _packages(path):
            on_event(StageStarted("tracing outlines"))
            nodes = form.nodes or bool(tolerance)
            outlines = trace_objects(
                class_map, objects, work / "vertices", nodes=nodes, progress=progress
            )
            shapes: Shapes = outlines.batches
            if tolerance:
                simple = simplify_outlines(outlines, objects.ids, classes, tolerance)
                changed = told_change(simple, objects.ids, objects.pixels, classes)
                if changed:
                    notes.append(changed)
                    on_event(Noted(changed))

                def shapes() -> Iterator[tuple[slice, NDArray[Any]]]:
                    yield slice(None), simple

            attributes = attributes_of(objects, class_map.ground.unit)
            table = PolygonTable(class_map.info, classes, attributes, shapes)
            on_event(StageStarted(f"writing {path.name}"))
            form.write(table, work / path.name)
            put(work, path, form.members, states)
    return Polygonized(
        image=class_map.info.uri,
        output=path,
        format=form.name,
        classes=classes,
        counts=tuple(_counts(objects, len(classes))),
        seconds=time.monotonic() - start,
        notes=tuple(notes),
    )


def _counts(objects: Objects, classes: int) -> list[int]:
    counted: list[int] = np.bincount(objects.ids, minlength=classes).tolist()
    return counted


@contextmanager
def _packages(output: Path | None = None) -> Iterator[None]:
    """Turn what is raised about packages and by writing to errors of ours."""
    try:
        import pyarrow
        import pyogrio
        import shapely
    except ImportError as error:
        raise SourceError(
            f'polygons need the package {error.name}: pip install "tilesegm[vector]"'
        ) from error
    try:
        yield
    except (TilesegmError, MemoryError):
        raise
    except (
        OSError,
        RuntimeError,
        ValueError,
        pyarrow.ArrowException,
        pyogrio.errors.DataSourceError,
        shapely.errors.ShapelyError,
    ) as error:
        raise OutputError(
            f"cannot write {output}: {line_of(error)}; free space there, or take another format"
        ) from error
