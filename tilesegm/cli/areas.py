"""``tilesegm areas``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tilesegm.cli.option_groups import MapReading, with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import AsJson, Quiet, Trust
from tilesegm.cli.terminal import PlainConsole
from tilesegm.events import Noted

if TYPE_CHECKING:
    from tilesegm.products.areas import ClassAreas

__all__ = ["areas"]


@with_option_groups
def areas(
    class_maps: Annotated[
        list[str],
        typer.Argument(
            help="Class maps, or folders of them.", metavar="MAP...", show_default=False
        ),
    ],
    reading: MapReading,
    output: Annotated[
        str | None,
        typer.Option(
            *("-o", "--output"),
            metavar="PATH",
            help="Also write a .csv file with a row per map; to s3://BUCKET/NAME.csv too.",
        ),
    ] = None,
    count: Annotated[
        bool,
        typer.Option("--count", help="Also count objects: pixels of one class that share a side."),
    ] = False,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            help="JSON of `tilesegm evaluate`: also estimate areas corrected for errors, with 95 % "
            "confidence intervals."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Measure how much each class has of class maps: pixels, and m2, ha or µm2.

    Example: tilesegm areas city_classes.tif -o areas.csv
    """
    from tilesegm.products.adjusted import read_confusion
    from tilesegm.products.area_files import check_csv, find_maps, write_csv
    from tilesegm.products.areas import adjusted, measure_areas
    from tilesegm.source.object_store import place_of

    with ProgressBar(quiet or as_json, notes=not quiet) as progress:
        paths, left = find_maps(class_maps)
        if left:
            progress(Noted(left))
        if output is not None:
            read = [
                *paths,
                *([reading.aoi] if reading.aoi else []),
                *([str(evaluation)] if evaluation else []),
            ]
            check_csv(place_of(output), read)
        known = None if evaluation is None else read_confusion(evaluation)
        measured: list[ClassAreas] = []
        for path in paths:
            one = measure_areas(path, reading.options, objects=count, on_event=progress)
            measured.append(one if known is None else adjusted(one, *known))
            for note in one.notes:
                progress(Noted(note))
        if known is not None:
            progress(Noted(_SAMPLE.format(known[1].sum())))
        if output is not None:
            write_csv(place_of(output), measured)
    for one in measured:
        if as_json:
            typer.echo(json.dumps(summary(one)))
        elif not quiet:
            PlainConsole().print(_table(one))
    if len(measured) > 1 and not as_json and not quiet and len({_key(m) for m in measured}) == 1:
        total = _sum(measured)
        PlainConsole().print(_table(total if known is None else adjusted(total, *known)))


_SAMPLE = (
    "the confidence intervals take the {:,.0f} pixels of the evaluation for places that were drawn "
    "at random within each mapped class; pixels that lie side by side err together, so where whole "
    "areas were labelled the true intervals are wider (evaluate with points drawn at random)"
)


def summary(measured: ClassAreas) -> dict[str, Any]:
    """Plain values of the areas of a map."""
    return {
        "image": measured.image,
        "pixels_without_class": measured.missing,
        "areas_are": measured.how,
        "classes": measured.rows(),
    }


def _key(measured: ClassAreas) -> tuple[Any, ...]:
    return measured.unit, tuple(one.name for one in measured.classes)


def _sum(measured: Sequence[ClassAreas]) -> ClassAreas:
    first = measured[0]
    counts = [one.objects for one in measured if one.objects is not None]
    return replace(
        first,
        image=f"all {len(measured)} maps",
        pixels=sum((one.pixels for one in measured[1:]), first.pixels),
        areas=sum((one.areas for one in measured[1:]), first.areas),
        missing=sum(one.missing for one in measured),
        objects=sum(counts[1:], counts[0]) if counts else None,
        adjusted=None,
    )


def _table(measured: ClassAreas) -> Table:
    unit, divisor = _shown_unit(measured)
    title = f"{measured.image}: areas {measured.how}"
    if measured.missing:
        title += f"; {measured.missing:,} px without a class"
    table = Table("class", title=title, title_justify="left")
    for column in ("pixels", "%", *([unit] if unit else [])):
        table.add_column(column, justify="right")
    if measured.objects is not None:
        table.add_column("objects", justify="right")
    if measured.adjusted is not None:
        table.add_column(f"adjusted {unit or 'pixels'}", justify="right")
    total = max(int(measured.pixels.sum()), 1)
    for n, info in measured.shown:
        cells = [info.name, f"{measured.pixels[n]:,}", f"{100 * measured.pixels[n] / total:.2f}"]
        if unit:
            cells.append(_number(measured.areas[n] / divisor))
        if measured.objects is not None:
            cells.append(f"{measured.objects[n]:,}")
        if measured.adjusted is not None:
            area, margin = measured.adjusted.areas[n], measured.adjusted.margins[n]
            cells.append(f"{_number(area / divisor)} ± {_number(margin / divisor)}")
        table.add_row(*cells)
    return table


def _shown_unit(measured: ClassAreas) -> tuple[str, float]:
    """Choose the unit in which areas are easy to read, and how large it is."""
    if measured.unit == "px":
        return "", 1.0
    steps = {
        "m2": (("km²", 1e6, 1e9), ("ha", 1e4, 1e5), ("m²", 1.0, 0.0)),
        "um2": (("mm²", 1e6, 1e7), ("µm²", 1.0, 0.0)),
    }[measured.unit]
    return next((name, size) for name, size, least in steps if measured.total >= least)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.4g}"
