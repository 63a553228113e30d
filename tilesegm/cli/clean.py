"""``tilesegm clean``."""

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
    Quiet,
    SmallChoice,
    Trust,
)
from tilesegm.cli.terminal import say
from tilesegm.cli.values import parse_words
from tilesegm.counted import counted

__all__ = ["clean"]


@with_option_groups
def clean(
    class_map: ClassMapFile,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Map to write, .tif or .zarr.", show_default=False),
    ],
    reading: MapReading,
    majority: Annotated[
        str | None,
        typer.Option(
            help="Side of the square whose most frequent class each pixel takes: 5 pixels, or 2m."
        ),
    ] = None,
    fill_holes: Annotated[
        str | None,
        typer.Option(
            "--fill-holes", help="Classes whose holes are filled, by name or id, such as building."
        ),
    ] = None,
    max_hole: Annotated[
        str | None,
        typer.Option("--max-hole", help="Area from which holes stay: pixels, or 10m2."),
    ] = None,
    min_area: MinArea = None,
    small: SmallChoice = "merge",
    as_json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Clean a class map of any size up: smooth borders, fill holes, remove small objects.

    They are done in this order, as if the whole map were in memory.

    Example: tilesegm clean city_classes.tif -o city_clean.tif --majority 5 --min-area 50
    """
    from tilesegm.products.clean import CleanOptions
    from tilesegm.products.clean import clean as run_clean
    from tilesegm.products.extent import Extent
    from tilesegm.products.selection import Selection

    options = CleanOptions(
        reading=reading.options,
        majority=Extent.length(majority, "--majority") if majority else None,
        fill=parse_words(fill_holes),
        max_hole=Extent.area(max_hole, "--max-hole") if max_hole else None,
        selection=Selection(
            least=Extent.area(min_area, "--min-area") if min_area else None,
            small=small,  # type: ignore[arg-type]
        ),
    )
    with ProgressBar(quiet or as_json, notes=not quiet) as progress:
        done = run_clean(class_map, output, options, progress)
    row = done.summary()
    if as_json:
        typer.echo(json.dumps(row))
    elif not quiet:
        say(
            f"{output}: {row['changed_pixels']:,} px changed, "
            f"{counted(row['objects'], 'object')} left of "
            f"{row['objects_before']:,}, {row['seconds']:.1f} s"
        )
