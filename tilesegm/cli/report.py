"""``tilesegm report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tilesegm.cli.option_groups import with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import ClassMapFile, Quiet, Trust
from tilesegm.cli.shown_map import ShownMapOptions
from tilesegm.cli.terminal import say

__all__ = ["report"]


@with_option_groups
def report(
    class_map: ClassMapFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="HTML file to write.", show_default=False)
    ],
    shown: ShownMapOptions,
    confidence: Annotated[
        str | None,
        typer.Option(help="Raster of confidence; the layer beside the map when not given."),
    ] = None,
    places: Annotated[int, typer.Option(help="Least certain places that are shown enlarged.")] = 6,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Write a page about a class map: image and map, areas, confidence; no truth is needed.

    Example: tilesegm report city_classes.tif --image city.tif -o city.html
    """
    from tilesegm.cartography.report import ReportOptions, write_map_report

    options = ReportOptions(title=shown.title, confidence=confidence, places=places)
    with ProgressBar(quiet, notes=not quiet) as progress:
        write_map_report(output, shown.open(class_map), shown.image_choice, options, progress)
    if not quiet:
        say(output)
