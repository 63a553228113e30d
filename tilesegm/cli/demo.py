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
from tilesegm.cli.without_effect import is_given
from tilesegm.errors import SettingsError

__all__ = ["demo"]


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of all files.")] = Path("demo"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Only write a small scene in the forms that people bring labels in, each as a "
            "folder in DIR: pairs of PNG, VOC, LabelMe, COCO, polygons and QuPath.",
        ),
    ] = None,
    size: Size = 5120,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw an aerial scene, train a small U-Net on one half, map it all, and score the other half.

    Example: tilesegm demo
    """
    if data is not None:
        _write_data(context, data, size, seed, as_json, quiet)
        return
    from tilesegm.demo.run import run_demo

    if not (quiet or as_json):
        say(
            f"the demo takes one to three minutes on two cores; its files go into {folder}",
            err=True,
        )
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
        table = Table("class", "IoU", title="eastern half, which training never saw")
        for name, value in (*result.class_iou, ("mean", result.mean_iou)):
            table.add_row(name, f"{value:.3f}")
        console = PlainConsole()
        console.print(table)
        steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds)
        console.print(lines(steps, *result.advice.splitlines()), soft_wrap=True)


def _write_data(
    context: typer.Context, folder: Path, size: int, seed: int, as_json: bool, quiet: bool
) -> None:
    """Write the small scene in all forms, and say how each is trained on."""
    from tilesegm.demo.dataset import write_dataset

    given = {name for name in ("folder", "size") if is_given(context, name)}
    if "folder" in given:
        raise SettingsError("two folders were given; expected `demo FOLDER` or `demo --folder DIR`")
    forms = write_dataset(folder, seed=seed, **({"size": size} if "size" in given else {}))
    if as_json:
        typer.echo(json.dumps({form.name: str(folder / form.name) for form in forms}))
    elif not quiet:
        say(f"{folder} holds one scene in {len(forms)} forms; in that folder, for one of them:")
        for form in forms:
            say(f"  {form.init} -o {form.name}.yaml    # {form.meaning}")
        say("then: tilesegm train FORM.yaml --dry-run")
