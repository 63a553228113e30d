"""The commands that start with ``tilesegm train``."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tilesegm.cli.shared import (
    AsJson,
    Changes,
    DryRun,
    Overwrite,
    Picture,
    Quiet,
    Settings,
    Stack,
    Trust,
)
from tilesegm.cli.terminal import PlainConsole, say
from tilesegm.cli.training_tables import EpochProgress, show_dry_run, show_result, summarise
from tilesegm.cli.without_effect import TellingCommand
from tilesegm.counted import counted
from tilesegm.errors import OutputError
from tilesegm.ownership import check_place

__all__ = ["train_app"]


class _RunByDefault(TyperGroup):
    """Reads ``train CONFIG`` as ``train run CONFIG``."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: name == "run")  # the last step, after looking

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["run", *args]
        return super().parse_args(ctx, args)


class _ManyLabels(TellingCommand):
    """Reads ``--labels A B`` as ``--labels A --labels B``, since shells expand ``--labels *``."""

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
    help="Train a network with a settings file: `tilesegm train CONFIG`.",
    no_args_is_help=True,
)


@train_app.command()
def run(
    config: Settings,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder of the run, in place of the key `output`."),
    ] = None,
    overwrite: Overwrite = False,
    changes: Changes = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Train a network; the same command continues an interrupted run.

    Example: tilesegm train city.yaml
    """
    from tilesegm.training.checked_config import load_checked_config

    settings = load_checked_config(config, changes or ())
    if output is not None:
        settings = dataclasses.replace(settings, output=str(output.absolute()))
    show: Callable[[PlainConsole, dict[str, Any]], None]
    with EpochProgress(quiet or as_json) as progress:
        if dry_run:
            from tilesegm.training.dry_run import dry_run as run_dry

            dry = run_dry(settings, overwrite=overwrite, on_event=progress)
            summary, show = dry.summary(), show_dry_run
        else:
            from tilesegm.training.run import train

            result = train(settings, overwrite=overwrite, on_event=progress)
            summary, show = summarise(result), show_result
    if as_json:
        typer.echo(json.dumps(summary))
    elif not quiet:
        show(PlainConsole(), summary)


@train_app.command(cls=_ManyLabels)
def init(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Images, folders, split lists such as train.txt, or a quoted pattern such as "
            "'images/{name}.tif'.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="YAML file to write.", show_default=False)
    ],
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="LABELS...",
            help="Files or folders with the names of images, one file for all images, or a quoted "
            "pattern; not needed where images and masks stand in one folder.",
        ),
    ] = None,
    attribute: Annotated[
        str | None, typer.Option(help="Attribute of a polygon file that holds the class.")
    ] = None,
    buffer: Annotated[
        str | None,
        typer.Option(help="Draw points and lines too, this wide to each side: 3 (px) or 2.5m."),
    ] = None,
    stack: Stack = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Examine images and labels, and write a commented settings file for them.

    Example: tilesegm train init images/*.tif --labels masks/*.png -o city.yaml
    """
    from tilesegm.training.init.start_file import write_start

    with EpochProgress(quiet) as progress:
        choices = write_start(
            images,
            labels or (),
            output,
            attribute=attribute,
            buffer=buffer,
            stack=stack,
            overwrite=overwrite,
            on_event=progress,
        )
    if not quiet:
        classes = choices.chosen["data"]["labels"]["classes"]
        told = "; name them in the file"
        if choices.named:
            names = [str(entry["name"]) for entry in classes]
            told = f" ({', '.join(names[:8])}{' ...' if len(names) > 8 else ''})"
        command = f"tilesegm train {shlex.quote(str(output))} --dry-run"
        say(f"{output}: {counted(len(classes), 'class', 'classes')}{told}; then: {command}")


@train_app.command()
def preview(
    config: Settings,
    output: Picture,
    windows: Annotated[int, typer.Option(min=1, help="Number of windows to draw.")] = 6,
    changes: Changes = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Draw training windows before and after augmentation.

    Example: tilesegm train preview city.yaml -o windows.png
    """
    from tilesegm.training.settings.settings_file import load_config

    _check_free(output, overwrite)
    settings = load_config(config, changes or ())
    from tilesegm.training.drawings import draw_windows

    with EpochProgress(quiet) as progress:
        draw_windows(settings, output, windows=windows, on_event=progress)
    if not quiet:
        say(output)


@train_app.command()
def split(
    config: Settings,
    output: Picture,
    changes: Changes = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Draw which pixels are used for training and which are held out.

    Example: tilesegm train split city.yaml -o split.png
    """
    from tilesegm.training.settings.settings_file import load_config

    _check_free(output, overwrite)
    settings = load_config(config, changes or ())
    from tilesegm.training.drawings import draw_split

    with EpochProgress(quiet) as progress:
        draw_split(settings, output, on_event=progress)
    if not quiet:
        say(output)


@train_app.command()
def schema() -> None:
    """Print the JSON schema of settings, by which editors complete and explain their keys.

    Example: tilesegm train schema > settings.schema.json
    """
    from tilesegm.training.settings.schema import schema as make_schema

    typer.echo(json.dumps(make_schema(), indent=1, ensure_ascii=False))


def _check_free(output: Path, overwrite: bool) -> None:
    from tilesegm.pictures.png import PNG_MARK

    check_place(output, PNG_MARK if overwrite else None)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; give another name, or --overwrite to replace it")
