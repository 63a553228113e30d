"""``tilesegm quicklook``."""

from __future__ import annotations

from typing import Annotated

import typer

from tilesegm.cli.option_groups import with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import ClassMapFile, Picture, Quiet, Trust
from tilesegm.cli.shown_map import ShownMapOptions
from tilesegm.cli.terminal import say

__all__ = ["quicklook"]


@with_option_groups
def quicklook(
    class_map: ClassMapFile,
    output: Picture,
    shown: ShownMapOptions,
    style: Annotated[
        str | None,
        typer.Option(
            help="map, overlay or outline; an overlay where an image is given, else the map.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(help="Pixels along the longer side of the map in the picture.")
    ] = 1600,
    opacity: Annotated[
        float, typer.Option(help="Strength of the colours of an overlay, 0 to 1.")
    ] = 0.5,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Draw a class map of any size, alone or on its image, with legend and scale bar.

    Example: tilesegm quicklook city_classes.tif --image city.tif -o city.png
    """
    from tilesegm.cartography.quicklook import QuicklookOptions, write_quicklook

    options = QuicklookOptions(
        style=style,  # type: ignore[arg-type]
        size=size,
        title=shown.title,
        opacity=opacity,
    )
    with ProgressBar(quiet, notes=not quiet) as progress:
        write_quicklook(output, shown.open(class_map), shown.image_choice, options, progress)
    if not quiet:
        say(output)
