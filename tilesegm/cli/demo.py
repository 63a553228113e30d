"""``tilesegm demo``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tilesegm.cli.shared import AsJson, Quiet, Seed, Size
from tilesegm.cli.terminal import PlainConsole, lines, say
from tilesegm.cli.training_tables import EpochProgress

__all__ = ["demo"]


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder of all files.")] = Path("demo"),
    size: Size = 5120,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw an aerial scene, train a small U-Net on one half, map it all, and score the other half.

    Example: tilesegm demo
    """
    from tilesegm.demo.run import run_demo

    if not (quiet or as_json):
        say(f"the demo takes one to three minutes on two cores; its files: {folder}", err=True)
    with EpochProgress(quiet or as_json) as progress:
        result = run_demo(folder, size=size, seed=seed, on_event=progress)
    if as_json:
        files = ("image", "labels", "model", "class_map", "quicklook")
        facts = {
            **{name: str(getattr(result, name)) for name in files},
            "mean_iou": result.mean_iou,
            "class_iou": dict(result.class_iou),
            "seconds": dict(result.seconds),
        }
        typer.echo(json.dumps(facts))
    elif not quiet:
        table = Table("class", "IoU", title="on the half that training never saw")
        for name, value in (*result.class_iou, ("mean", result.mean_iou)):
            table.add_row(name, f"{value:.3f}")
        console = PlainConsole()
        console.print(table)
        steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds)
        console.print(lines(steps, *result.advice.splitlines()), soft_wrap=True)
