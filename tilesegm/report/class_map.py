"""The page about a class map: the map beside its image, areas, confidence, how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.pictures.colours import MISSING
from tilesegm.report.charts import bars
from tilesegm.report.page import Page
from tilesegm.report.pictures import picture
from tilesegm.report.swipe import SWIPE_SCRIPT, swipe

__all__ = ["AreaTable", "ShownPlace", "add_making", "add_places", "class_map_page"]

_PLACE = 300
"""Pixels on the page that the picture of a place is wide."""
_SQUARE_UNITS = ((1e6, "km²"), (1e4, "ha"), (1.0, "m²"))
_SLIDE_UNITS = ((1e6, "mm²"), (1.0, "µm²"))


@dataclass(frozen=True, eq=False)
class AreaTable:
    """How much of a map each class is."""

    classes: Sequence[ClassInfo]
    pixels: NDArray[np.int64]
    """``(classes,)``."""
    areas: NDArray[np.float64]
    """``(classes,)``, in ``unit``."""
    unit: str
    """``m2``, ``um2`` or ``px``."""
    how: str
    """How areas were found."""
    missing: int
    """Pixels without a class."""
    confidence: NDArray[np.float64] | None = None
    """``(classes,)`` mean confidence."""


@dataclass(frozen=True, eq=False)
class ShownPlace:
    """A part of the map that is shown enlarged."""

    title: str
    pictures: Sequence[tuple[str, NDArray[np.uint8]]]
    """Name and picture ``(H, W, 3)``; the first is a photo where there is an image."""
    photo: bool


def class_map_page(
    title: str,
    summary: str,
    map_picture: NDArray[np.uint8],
    photo: NDArray[np.uint8] | None,
    table: AreaTable,
) -> Page:
    """Begin a page with the map and its areas.

    Args:
        title: of the page.
        summary: a sentence on the map.
        map_picture: ``(H, W, 3)``.
        photo: the image in the same size, if there is one.
        table: areas of the classes.
    """
    page = Page(title, summary)
    page.section("Map")
    if photo is None:
        page.figure(picture(map_picture, alt="class map"))
    else:
        page.figure(
            swipe(photo, map_picture, names=("image", "class map")),
            "Left of the line the image, right of it the class map: drag the line, or move it by "
            "the arrow keys.",
        )
        page.script(SWIPE_SCRIPT)
    missing = [("no class", MISSING)] if table.missing else []
    page.key([*((info.name, info.colour) for info in table.classes), *missing])
    _add_areas(page, table)
    return page


def _add_areas(page: Page, table: AreaTable) -> None:
    total = int(table.pixels.sum())
    if not total:
        page.section("Areas", "No pixel has a class.")
        return
    page.section("Areas", f"Areas are found {table.how}.")
    names = [info.name for info in table.classes]
    parts = table.pixels / total
    columns: dict[str, list[object]] = {
        "class": [*names, "all classes"],
        "pixels": [*table.pixels.tolist(), total],
        "part": [f"{100 * part:.2f} %" for part in (*parts, 1.0)],
    }
    scale = _unit_of(table)
    if scale is not None:
        factor, unit = scale
        areas = [*table.areas, table.areas.sum()]
        columns[unit] = [f"{area / factor:,.{_digits(area / factor)}f}" for area in areas]
    if table.confidence is not None:
        mean = np.nansum(table.confidence * table.pixels) / max(
            int(table.pixels[np.isfinite(table.confidence)].sum()), 1
        )
        columns["mean confidence"] = [
            f"{value:.3f}" if value == value else "–" for value in (*table.confidence, mean)
        ]
    page.columns(columns)
    if table.missing:
        share = 100 * table.missing / (total + table.missing)
        page.text(
            f"{table.missing:,} pixels ({share:.1f} % of the map) have no class and count nowhere."
        )
    colours = [f"rgb{info.colour}" for info in table.classes]
    page.figure(
        bars(dict(zip(names, parts.tolist(), strict=True)), colours=colours),
        "Part of each class in all pixels that have one",
    )


def _unit_of(table: AreaTable) -> tuple[float, str] | None:
    """Choose the unit in which the largest class is more than one."""
    units = {"m2": _SQUARE_UNITS, "um2": _SLIDE_UNITS}.get(table.unit)
    if units is None:
        return None
    return next((unit for unit in units if table.areas.max() >= 100 * unit[0]), units[-1])


def _digits(value: float) -> int:
    return 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 1 else 4


def add_places(page: Page, places: Sequence[ShownPlace], text: str) -> None:
    """Show parts of the map enlarged."""
    page.section("Least certain places", text)
    for place in places:
        drawn = " ".join(
            picture(rgb, width=_PLACE, alt=name, photo=place.photo and not number)
            for number, (name, rgb) in enumerate(place.pictures)
        )
        page.figure(drawn, place.title)


def add_making(page: Page, facts: Mapping[str, object], notes: Sequence[str]) -> None:
    """Say how the map was made, and what the page leaves out."""
    page.section("How it was made")
    page.table(["fact", "value"], [(name, value) for name, value in facts.items() if value])
    for note in notes:
        page.text(note)
