"""``tilesegm audit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import (
    AsJson,
    Augment,
    Bands,
    BlendChoice,
    Image,
    Level,
    Model,
    Nodata,
    Normalise,
    Overlap,
    PrecisionChoice,
    Quiet,
    Tile,
    make_tiling,
)
from tilesegm.cli.values import parse_augment, parse_bands, parse_normalisation
from tilesegm.segmentation.options import Options

if TYPE_CHECKING:
    from tilesegm.segmentation.audit import Audit

__all__ = ["audit"]


def audit(
    image: Image,
    model: Model,
    tile: Tile = 1024,
    overlap: Overlap = "128",
    blend: BlendChoice = "hann",
    bands: Bands = None,
    nodata: Nodata = None,
    level: Level = 0,
    normalise: Normalise = None,
    precision: PrecisionChoice = "float32",
    tta: Augment = None,
    samples: Annotated[int, typer.Option(help="Places where seams cross to look at.")] = 16,
    seed: Annotated[int, typer.Option(help="Moves the places.")] = 0,
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit", help="Fail with code 1 when more than this % of classes flip near seams."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare tiles with those of a shifted grid: how often does a class flip near seams?

    Example: tilesegm audit city.tif --model city_model --limit 0.1
    """
    from tilesegm.segmentation.audit import audit as run_audit

    options = Options(
        bands=parse_bands(bands),
        nodata=nodata,
        level=level,
        normalisation=parse_normalisation(normalise),
        precision=precision,  # type: ignore[arg-type]
        augment=parse_augment(tta),
    )
    with ProgressBar(quiet or as_json) as progress:
        done = run_audit(
            image,
            model,
            tiling=make_tiling(tile, overlap, blend),
            options=options,
            samples=samples,
            seed=seed,
            on_event=progress,
        )
    if as_json:
        typer.echo(json.dumps(done.summary()))
    elif not quiet:
        Console().print(_table(done))
    if limit is not None and done.near_rate > limit / 100:
        typer.echo(
            f"{100 * done.near_rate:.4f} % of classes flip near seams, more than the {limit} % "
            "allowed; take a larger overlap or --overlap exact",
            err=True,
        )
        raise typer.Exit(1)


def _table(done: Audit) -> Table:
    said = done.summary()
    table = Table(
        "pixels from a seam",
        "compared",
        "% flipped",
        title=f"{said['image']}: {done.samples} places, tile {said['tile'][0]} x "
        f"{said['tile'][1]}, overlap {said['overlap']}, {said['blend']}",
        title_justify="left",
    )
    for entry in said["by_distance"]:
        if entry["pixels"]:
            end = entry["up_to"]
            name = f"up to {end}" if end != "beyond" else "beyond"
            table.add_row(
                name, f"{entry['pixels']:,}", f"{100 * entry['flips'] / entry['pixels']:.4f}"
            )
    for name, (flips, pixels) in (("where tiles blend", done.near), ("elsewhere", done.away)):
        if pixels:
            table.add_row(name, f"{pixels:,}", f"{100 * flips / pixels:.4f}")
    if not done.samples:
        table.add_row("one tile covers the image: there are no seams", "", "")
    return table
