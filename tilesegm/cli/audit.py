"""``tilesegm audit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tilesegm.cli.models import sort_inputs
from tilesegm.cli.option_groups import InferenceOptions, with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import AsJson, Images, Models, Quiet, Seed
from tilesegm.cli.terminal import PlainConsole
from tilesegm.counted import counted

if TYPE_CHECKING:
    from tilesegm.segmentation.audit import Audit

__all__ = ["audit"]


@with_option_groups
def audit(
    images: Images,
    model: Models,
    inference: InferenceOptions,
    samples: Annotated[int, typer.Option(help="Number of places to compare.")] = 16,
    seed: Seed = 0,
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit",
            help="Exit with code 1 if more than this percentage of classes differs near seams.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare with the tiles of a shifted grid: how often do classes differ near seams?

    Example: tilesegm audit city.tif --model city_model --limit 0.1
    """
    from tilesegm.segmentation.audit import audit as run_audit

    with ProgressBar(quiet or as_json) as progress:
        models, images = sort_inputs(model, images, progress)
        done = run_audit(
            inference.image(images),
            models,
            tiling=inference.tiling,
            options=inference.options(),
            samples=samples,
            seed=seed,
            on_event=progress,
        )
    if as_json:
        typer.echo(json.dumps(done.summary()))
    elif not quiet:
        PlainConsole().print(_table(done))
    if limit is not None and done.near_rate > limit / 100:
        typer.echo(
            f"{100 * done.near_rate:.4f} % of classes flip near seams, more than the {limit} % "
            "allowed; take a larger overlap or --overlap exact",
            err=True,
        )
        raise typer.Exit(1)


def _table(done: Audit) -> Table:
    summary = done.summary()
    table = Table(
        "pixels from a seam",
        "compared",
        "% flipped",
        title=f"{summary['image']}: {counted(done.samples, 'place')}, tile {summary['tile'][0]} x "
        f"{summary['tile'][1]}, overlap {summary['overlap']}, {summary['blend']}",
        title_justify="left",
    )
    for entry in summary["by_distance"]:
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
