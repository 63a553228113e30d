"""The commands that start with ``tilesegm losses``."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tilesegm.cli.advice_tables import show_advice
from tilesegm.cli.loss_tables import show_described, show_entries
from tilesegm.cli.losses_compare import compare_losses
from tilesegm.cli.shared import AsJson, Changes, Quiet, Settings, Trust
from tilesegm.cli.terminal import PlainConsole, lines
from tilesegm.cli.training_tables import EpochProgress

if TYPE_CHECKING:
    from tilesegm.losses.audit import AuditRow

__all__ = ["losses_app"]

_TABLE_WIDTH = 130

losses_app = typer.Typer(
    name="losses", help="Find, examine and choose loss functions.", no_args_is_help=True
)


@losses_app.callback()
def losses() -> None:
    """Find, examine and choose loss functions."""


@losses_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List losses, recipes, weighting rules and schedules by the names that settings take.

    Example: tilesegm losses list
    """
    from tilesegm.advice.catalogue import COST_UNIT, catalogue

    if as_json:
        for entry in catalogue():
            typer.echo(json.dumps(dataclasses.asdict(entry), ensure_ascii=False))
        return
    show_entries(PlainConsole(), catalogue(), COST_UNIT)


@losses_app.command()
def show(
    loss: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A loss, recipe, weighting rule or schedule, such as lovasz, or a loss of your "
            "own, such as my_losses:Brier.",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show formula, source, arguments, settings to paste and what the study found.

    Example: tilesegm losses show skeleton_recall
    """
    from tilesegm.advice.catalogue import COST_UNIT
    from tilesegm.advice.described import describe  # imports Keras, which takes seconds

    described = describe(loss)
    if as_json:
        typer.echo(json.dumps(described.summary(), ensure_ascii=False))
    else:
        show_described(PlainConsole(), described, COST_UNIT)


@losses_app.command()
def advise(
    config: Settings,
    changes: Changes = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Look at the labels of training pixels, and name the losses that suit them.

    Example: tilesegm losses advise city.yaml
    """
    from tilesegm.advice import advise as find_advice
    from tilesegm.training.settings.settings_file import load_config

    settings = load_config(config, changes or ())
    with EpochProgress(quiet or as_json) as progress:
        advice = find_advice(settings, on_event=progress)
    if as_json:
        typer.echo(json.dumps(advice.summary(), ensure_ascii=False))
    elif not quiet:
        show_advice(PlainConsole(), advice)


losses_app.command("compare")(compare_losses)


@losses_app.command()
def audit(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Losses, recipes, or losses of your own such as my_losses:Brier; all losses by "
            "default.",
        ),
    ] = None,
    cost: Annotated[bool, typer.Option(help="Also measure the time of each loss.")] = True,
    as_json: AsJson = False,
) -> None:
    """Show values and gradients of losses on the inputs where losses tend to fail.

    Example: tilesegm losses audit dice focal_tversky dice_ce
    """
    # Keras takes seconds to import; --help should not.
    from tilesegm.losses.audit import audit_losses

    rows = audit_losses(names or None, cost_size=256 if cost else None)
    if as_json:
        records = [{**dataclasses.asdict(row), "flags": row.flags} for row in rows]
        typer.echo(json.dumps(records))
    else:
        console = PlainConsole()
        # Narrower than this the table loses words; a terminal may then fold the lines.
        console.width = max(console.width, _TABLE_WIDTH)
        console.print(_table(rows))


def _table(rows: list[AuditRow]) -> Table:
    table = Table(caption="value, and norm of the gradient below; cost in units of cross-entropy")
    table.add_column("loss")
    for cell in rows[0].cells:
        table.add_column(cell.case, justify="right")
    table.add_column("cost", justify="right")
    for row in rows:
        cells = []
        for cell in row.cells:
            parts = f"{cell.value:.3g}", f"{cell.gradient:.1e}", *cell.flags
            cells.append(lines(*parts, style="bold red" if cell.flags else ""))
        table.add_row(row.loss, *cells, "" if row.cost is None else f"{row.cost:.1f}")
    return table
