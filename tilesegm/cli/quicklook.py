"""``tilesegm quicklook``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import (
    At,
    Bands,
    ClassMapFile,
    ClassNames,
    Nodata,
    Picture,
    Quiet,
    ShownImages,
    Title,
    Trust,
)
from tilesegm.cli.terminal import say
from tilesegm.cli.values import parse_class_names
from tilesegm.source.words import parse_at, parse_bands

if TYPE_CHECKING:
    from tilesegm.cartography.scene import ImageChoice

__all__ = ["image_choice", "quicklook"]


def quicklook(
    class_map: ClassMapFile,
    output: Picture,
    image: ShownImages = None,
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
    title: Title = None,
    opacity: Annotated[
        float, typer.Option(help="Strength of the colours of an overlay, 0 to 1.")
    ] = 0.5,
    classes: ClassNames = None,
    nodata: Nodata = None,
    bands: Bands = None,
    at: At = None,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Draw a class map of any size, alone or on its image, with legend and scale bar.

    Example: tilesegm quicklook city_classes.tif --image city.tif -o city.png
    """
    from tilesegm.cartography.class_map import ShownMap
    from tilesegm.cartography.quicklook import QuicklookOptions, write_quicklook

    options = QuicklookOptions(
        style=style,  # type: ignore[arg-type]
        size=size,
        title=title,
        opacity=opacity,
    )
    with ProgressBar(quiet, notes=not quiet) as progress:
        shown = ShownMap.of(class_map, parse_class_names(classes), nodata)
        write_quicklook(output, shown, image_choice(image, bands, at), options, progress)
    if not quiet:
        say(output)


def image_choice(images: list[str] | None, bands: str | None, at: str | None) -> ImageChoice | None:
    """Return the image that is shown, whose bands several files may hold."""
    from tilesegm.cartography.scene import ImageChoice

    if not images:
        return None
    options = {"bands": parse_bands(bands), "at": parse_at(at)}
    return ImageChoice(image=images[0] if len(images) == 1 else images, options=options)
