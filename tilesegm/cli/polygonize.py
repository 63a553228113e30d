"""``tilesegm polygonize``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tilesegm.cli.option_groups import MapReading, with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import (
    AsJson,
    ClassMapFile,
    MinArea,
    Only,
    Quiet,
    Skip,
    SmallChoice,
    Trust,
)
from tilesegm.cli.terminal import say
from tilesegm.cli.values import parse_words

__all__ = ["polygonize"]


@with_option_groups
def polygonize(
    class_map: ClassMapFile,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help=".gpkg, .fgb, .geojson, .parquet, .shp or .json (COCO) file.",
            show_default=False,
        ),
    ],
    reading: MapReading,
    only: Only = None,
    skip: Skip = None,
    min_area: MinArea = None,
    small: SmallChoice = "merge",
    simplify: Annotated[
        str | None,
        typer.Option(
            help="Remove corners as small as this, in pixels or 0.5m; shared borders stay shared."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Turn a class map of any size into polygons.

    Pixels of one class that share a side are one polygon, as if the whole map were in memory.

    Example: tilesegm polygonize city_classes.tif -o city.gpkg --skip background
    """
    from tilesegm.products.extent import Extent
    from tilesegm.products.polygonize import PolygonOptions
    from tilesegm.products.polygonize import polygonize as run_polygonize
    from tilesegm.products.selection import Selection

    options = PolygonOptions(
        reading=reading.options,
        selection=Selection(
            only=parse_words(only),
            skip=parse_words(skip),
            least=Extent.area(min_area, "--min-area") if min_area else None,
            small=small,  # type: ignore[arg-type]
        ),
        simplify=Extent.length(simplify, "--simplify") if simplify else None,
    )
    with ProgressBar(quiet or as_json, notes=not quiet) as progress:
        done = run_polygonize(class_map, output, options, progress)
    if as_json:
        typer.echo(json.dumps(done.summary()))
    elif not quiet:
        say(done.line())
