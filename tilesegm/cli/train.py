"""The commands that start with ``tilesegm train``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from tilesegm.cli.shared import AsJson, Quiet
from tilesegm.cli.training_tables import EpochProgress, show_forecast, show_result, summarise
from tilesegm.errors import OutputError

__all__ = ["train_app"]


class _RunByDefault(TyperGroup):
    """Takes ``train CONFIG`` for ``train run CONFIG``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["run", *args]
        return super().parse_args(ctx, args)


class _ManyLabels(TyperCommand):
    """Takes ``--labels A B`` for ``--labels A --labels B``, as shells write out ``--labels *``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread: list[str] = []
        many = False
        for word in args:
            if word.startswith("-") and word != "-":
                many = word == "--labels"
                if many:
                    continue
            spread += ["--labels", word] if many else [word]
        return super().parse_args(ctx, spread)


train_app = typer.Typer(
    name="train",
    cls=_RunByDefault,
    help="Train a network by a file of settings: `tilesegm train CONFIG`.",
    no_args_is_help=True,
)

Config = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="File of settings (YAML).", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Another value for a key: schedule.epochs=5; repeatable."
    ),
]
Picture = Annotated[
    Path, typer.Option("-o", "--output", help="PNG file to write.", show_default=False)
]
Overwrite = Annotated[bool, typer.Option(help="Replace what is there.")]


@train_app.command()
def run(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run, in place of `output`.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Begin anew where a run was begun.")] = False,
    changes: Changes = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, time one step, and end.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train; the same command goes on where it stopped.

    Example: tilesegm train city.yaml
    """
    from tilesegm.training.settings.settings_file import load_config

    settings = load_config(config, changes or ())
    if output is not None:
        settings = dataclasses.replace(settings, output=str(output.absolute()))
    with EpochProgress(quiet or as_json) as progress:
        if dry_run:
            from tilesegm.training.forecast import forecast

            summary, show = forecast(settings, on_event=progress).summary(), show_forecast
        else:
            from tilesegm.training.run import train

            result = train(settings, overwrite=overwrite, on_event=progress)
            summary, show = summarise(result), show_result
    if as_json:
        typer.echo(json.dumps(summary))
    elif not quiet:
        show(Console(), summary)


@train_app.command(cls=_ManyLabels)
def init(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Images, or a quoted pattern such as 'images/{name}.tif'.",
            show_default=False,
        ),
    ],
    labels: Annotated[
        list[str],
        typer.Option(
            "--labels",
            metavar="LABELS...",
            help="One file an image, or one for all; or a pattern.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="YAML file to write.", show_default=False)
    ],
    attribute: Annotated[
        str | None, typer.Option(help="Attribute of a vector file that holds the class.")
    ] = None,
    stack: Annotated[bool, typer.Option(help="Take all images as bands of one.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Look at images and labels, and write a commented file of settings for them.

    Example: tilesegm train init images/*.tif --labels masks/*.png -o city.yaml
    """
    from tilesegm.training.init.start_file import write_start

    choices = write_start(
        images, labels, output, attribute=attribute, stack=stack, overwrite=overwrite
    )
    for note in choices.notes:
        typer.echo(f"note: {note}", err=True)
    classes = choices.chosen["data"]["labels"]["classes"]
    typer.echo(
        f"{output}: {len(classes)} classes; name them in the file, then: "
        f"tilesegm train {output} --dry-run"
    )


@train_app.command()
def preview(
    config: Config,
    output: Picture,
    windows: Annotated[int, typer.Option(min=1, help="Windows to draw.")] = 6,
    changes: Changes = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw windows as they are, and as augmentation changes them.

    Example: tilesegm train preview city.yaml -o windows.png
    """
    from tilesegm.training.settings.settings_file import load_config

    _check_free(output, overwrite)
    settings = load_config(config, changes or (), losses=False)
    from tilesegm.training.rehearsal import draw_windows

    with EpochProgress() as progress:
        draw_windows(settings, output, windows=windows, on_event=progress)
    typer.echo(str(output))


@train_app.command()
def split(
    config: Config, output: Picture, changes: Changes = None, overwrite: Overwrite = False
) -> None:
    """Draw which pixels are learnt from and which are held out.

    Example: tilesegm train split city.yaml -o split.png
    """
    from tilesegm.training.settings.settings_file import load_config

    _check_free(output, overwrite)
    settings = load_config(config, changes or (), losses=False)
    from tilesegm.training.rehearsal import draw_split

    with EpochProgress() as progress:
        notes = draw_split(settings, output, on_event=progress)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(str(output))


def _check_free(output: Path, overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; give another name, or --overwrite to replace it")
