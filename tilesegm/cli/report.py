"""``tilesegm report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.quicklook import image_choice
from tilesegm.cli.shared import (
    At,
    Bands,
    ClassMapFile,
    ClassNames,
    Nodata,
    Quiet,
    ShownImages,
    Title,
    Trust,
)
from tilesegm.cli.terminal import say
from tilesegm.cli.values import parse_class_names

__all__ = ["report"]


def report(
    class_map: ClassMapFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="HTML file to write.", show_default=False)
    ],
    image: ShownImages = None,
    confidence: Annotated[
        str | None,
        typer.Option(help="Raster of confidence; the layer beside the map when not given."),
    ] = None,
    places: Annotated[int, typer.Option(help="Least certain places that are shown enlarged.")] = 6,
    title: Title = None,
    classes: ClassNames = None,
    nodata: Nodata = None,
    bands: Bands = None,
    at: At = None,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Write a page about a class map: image and map, areas, confidence; no truth is needed.

    Example: tilesegm report city_classes.tif --image city.tif -o city.html
    """
    from tilesegm.cartography.class_map import ShownMap
    from tilesegm.cartography.report import ReportOptions, write_map_report

    options = ReportOptions(title=title, confidence=confidence, places=places)
    with ProgressBar(quiet, notes=not quiet) as progress:
        shown = ShownMap.of(class_map, parse_class_names(classes), nodata)
        write_map_report(output, shown, image_choice(image, bands, at), options, progress)
    if not quiet:
        say(output)
