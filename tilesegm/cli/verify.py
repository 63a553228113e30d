"""``tilesegm verify``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from tilesegm.cli.models import find_models
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import AsJson, Quiet, Seed
from tilesegm.cli.values import parse_fraction

if TYPE_CHECKING:
    from tilesegm.segmentation.verify import Verification

__all__ = ["verify"]


def verify(
    result: Annotated[
        str,
        typer.Argument(
            help="Class map (.tif or .zarr), bundle, or folder of a training run.",
            show_default=False,
        ),
    ],
    recompute: Annotated[
        str,
        typer.Option(
            help="Part of the tiles to compute again and compare, such as 1%.", metavar="PART"
        ),
    ] = "0",
    image: Annotated[
        str | None, typer.Option(help="Image of the run, if it is elsewhere now.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Network of the run, if it is elsewhere now; repeatable for a run of several."
        ),
    ] = None,
    rounding: Annotated[
        float,
        typer.Option(
            help="Probability by which recomputed tiles may differ, as on another machine."
        ),
    ] = 0.0,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check that a finished result is complete and as it was written, to the last byte.

    Exit code 1: it is not; what is damaged and where is printed.

    Example: tilesegm verify city_classes.tif --recompute 1%
    """
    from tilesegm.segmentation.verify import verify as run_verify

    with ProgressBar(quiet or as_json) as progress:
        done = run_verify(
            result,
            recompute=parse_fraction(recompute),
            image=image,
            model=find_models(model) if model else None,
            rounding=rounding,
            seed=seed,
            on_event=progress,
        )
    if as_json:
        typer.echo(json.dumps(done.summary()))
    else:
        _tell(done, quiet)
    if not done.whole:
        raise typer.Exit(1)


def _tell(done: Verification, quiet: bool) -> None:
    for line in done.damage:
        typer.echo(f"damaged: {line}", err=True)
    if quiet:
        return
    for line in done.notes:
        typer.echo(f"note: {line}", err=True)
    again = done.recomputed
    if again is not None:
        rounded = f", {again.rounded} within the rounding" if again.rounded else ""
        odds = ", ".join(
            f"{100 * odds:.3g} % of {number}"
            for number, odds in done.summary()["recomputed"]["found_if_altered"].items()
        )
        typer.echo(
            f"{again.sampled} of {again.tiles} tiles computed again: {len(again.altered)} differ"
            f"{rounded}; chance to find one of altered tiles: {odds}"
        )
    if done.whole:
        typer.echo(f"{done.names}: whole, {done.bytes / 1e6:.1f} MB in {done.seconds:.1f} s")
