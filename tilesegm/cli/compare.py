"""``tilesegm compare``: trains with several values of settings, and says which is best."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from tilesegm.cli.option_groups import with_option_groups
from tilesegm.cli.shared import (
    AsJson,
    Changes,
    DryRun,
    Objects,
    Overwrite,
    Quiet,
    Settings,
    Thin,
    Trust,
)
from tilesegm.cli.terminal import PlainConsole, lines, say
from tilesegm.cli.training_tables import EpochProgress
from tilesegm.cli.values import parse_duration, parse_ids
from tilesegm.counted import counted
from tilesegm.errors import SettingsError
from tilesegm.events import EpochEnded, Noted

if TYPE_CHECKING:
    from tilesegm.comparison.budget import Cost
    from tilesegm.comparison.compare import ComparisonResult
    from tilesegm.comparison.plan import Plan
    from tilesegm.comparison.variants import Variant

__all__ = ["Arguments", "LookProgress", "check_comparison", "compare", "run_comparison"]


_WIDE = 120

Seeds = Annotated[
    int, typer.Option(help="Runs of each value, with seeds that follow that of the settings.")
]
Folds = Annotated[
    str | None,
    typer.Option(help="Parts of the split to hold out in turn: all, or numbers such as 0,1."),
]
Steps = Annotated[
    int | None, typer.Option(help="Updates of a run, in place of those of the settings.")
]
Budget = Annotated[
    str | None,
    typer.Option(help="Time for all runs, such as 45min or 1.5h, from which steps follow."),
]
RankBy = Annotated[
    str,
    typer.Option(
        "--rank-by",
        help="Measures of which the mean ranks, joined by +: mean_iou, mean_dice, "
        "boundary_iou, boundary_f1, hausdorff95, cldice, object_f1, calibration_error.",
    ),
]
Drop = Annotated[bool, typer.Option(help="Stop the worst early, by scores on validation pixels.")]
Processes = Annotated[int, typer.Option(min=1, help="Number of processes that train side by side.")]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Options of every command that compares settings."""

    seeds: Seeds = 3
    folds: Folds = None
    steps: Steps = None
    budget: Budget = None
    rank_by: RankBy = "mean_iou+boundary_iou"
    drop: Drop = True
    thin: Thin = None
    objects: Objects = None
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Folder of all runs; CONFIG without its suffix and -comparison."
        ),
    ] = None
    processes: Processes = 1
    overwrite: Overwrite = False
    changes: Changes = None
    dry_run: DryRun = False
    as_json: AsJson = False
    quiet: Quiet = False
    trust: Trust = False


class LookProgress(EpochProgress):
    """Prints a line per run and look on standard error."""

    def line(self, event: EpochEnded) -> str:
        """Say what a run is worth."""
        return f"{self._name}: {event.score:.2f}"


Vary = Annotated[
    list[str],
    typer.Option(
        "--vary",
        metavar="KEY=A,B,...",
        help="Values of a key: YAML, files of settings, for loss names such as dice_ce, or @FILE "
        "of names and values. Repeatable: all are combined. Others are compared with the first.",
        show_default=False,
    ),
]


@with_option_groups
def compare(config: Settings, vary: Vary, arguments: Arguments) -> None:
    """Train with several values of settings, and say which is best and how sure that is.

    The same command goes on after an interruption.

    Example: tilesegm compare city.yaml --vary loss=cross_entropy,dice_ce --seeds 3 --budget 1h
    """
    from tilesegm.advice.study import sums_of_the_study
    from tilesegm.comparison.variants import make_variants

    run_comparison(config, make_variants(vary, sums_of_the_study()), arguments)


def check_comparison(config: Path, variants: Sequence[Variant], arguments: Arguments) -> None:
    """Refuse what no comparison can begin with, before it is known what else is compared.

    Raises:
        TilesegmError: options, settings or places of outputs cannot be used.
    """
    from tilesegm.comparison.best import check_best
    from tilesegm.comparison.folder import check_claim

    plan = _make_plan(config, variants, arguments, arguments.steps)
    check_best(plan)
    check_claim(plan, overwrite=True)  # its values are known only later


def _make_plan(
    config: Path, variants: Sequence[Variant], arguments: Arguments, steps: int | None
) -> Plan:
    from tilesegm.comparison.plan import ComparisonOptions, make_plan

    if arguments.steps is not None and arguments.budget is not None:
        raise SettingsError("both --steps and --budget are given; they say the same, give one")
    if arguments.budget is not None:
        parse_duration(arguments.budget)
    options = ComparisonOptions(
        seeds=arguments.seeds,
        folds=arguments.folds,
        steps=steps,
        rank_by=arguments.rank_by,
        drop=arguments.drop,
        thin=parse_ids("thin", arguments.thin),
        objects=parse_ids("objects", arguments.objects),
    )
    changes = tuple(arguments.changes or ())
    return make_plan(config, variants, options, _folder(config, arguments), changes)


def _folder(config: Path, arguments: Arguments) -> Path:
    return arguments.output or config.with_name(f"{config.stem}-comparison")


def run_comparison(config: Path, variants: Sequence[Variant], arguments: Arguments) -> None:
    """Compare variants as the words of a command say."""
    from tilesegm.comparison.best import check_best
    from tilesegm.comparison.budget import fit_steps, measure_cost, steps_before
    from tilesegm.comparison.folder import check_claim

    make = partial(_make_plan, config, variants, arguments)
    seconds = None if arguments.budget is None else parse_duration(arguments.budget)
    folder = _folder(config, arguments)
    began = None if seconds is None or arguments.overwrite else steps_before(folder)
    plan, cost = make(began or arguments.steps), None
    check_best(plan)
    check_claim(plan, overwrite=arguments.overwrite)
    with LookProgress(arguments.quiet or arguments.as_json) as progress:
        if began is not None:
            progress(
                Noted(
                    f"--budget {arguments.budget}: {folder} goes on with {began:,} updates a run, "
                    "which follow from the budget that it began with; --overwrite begins from "
                    "scratch"
                )
            )
        elif seconds is not None:
            cost = measure_cost(plan, progress)
            plan = make(fit_steps(make, cost, seconds, arguments.processes))
        if arguments.dry_run:
            cost = cost or measure_cost(plan, progress)
            _tell_plan(plan, cost, arguments)
            return
        from tilesegm.comparison.compare import compare as run

        result = run(
            plan,
            overwrite=arguments.overwrite,
            workers=arguments.processes,
            on_event=progress,
        )
    if arguments.as_json:
        typer.echo(result.report.with_suffix(".json").read_text("utf-8").strip())
    elif not arguments.quiet:
        _show(result)


def _tell_plan(plan: Plan, cost: Cost, arguments: Arguments) -> None:
    from tilesegm.comparison.budget import starts_of, steps_of

    seconds = cost.seconds(plan, arguments.processes)
    facts = {
        "values": list(plan.names),
        "seeds": list(plan.seeds),
        "folds": list(plan.folds),
        "runs": len(plan.trials),
        "steps_of_a_run": plan.steps,
        "looks_after_epochs": list(plan.rungs),
        "epochs": plan.epochs,
        "steps": steps_of(plan),
        "starts": starts_of(plan),
        "seconds_per_step": cost.step,
        "seconds_per_start": cost.start,
        "seconds_per_test": cost.test,
        "seconds": seconds,
        "folder": str(plan.folder),
    }
    if arguments.as_json:
        typer.echo(json.dumps(facts))
        return
    if arguments.quiet:
        return
    looks = ", ".join(map(str, plan.rungs[:-1]))
    dropped = f"; after epoch {looks} the worst are dropped" if looks else ""
    say(
        f"{counted(len(plan.trials), 'run')}: "
        f"{counted(len(plan.names), 'value')} ({'; '.join(plan.names)}), "
        f"{counted(len(plan.seeds), 'seed')}, {counted(len(plan.folds), 'fold')}"
    )
    say(
        f"{plan.steps:,} steps a run in "
        f"{counted(plan.epochs, 'epoch')}{dropped}: {steps_of(plan):,} steps"
    )
    say(
        f"about {_time(seconds)} ({cost.step:.2f} s a step, {cost.start:.1f} s to start and score "
        f"a run {starts_of(plan)} times)"
    )
    say(f"{plan.folder}: nothing but statistics.npz was written")


def _show(result: ComparisonResult) -> None:
    """Print scores, best first, and what is sure."""
    from tilesegm.comparison.answer import chance_words
    from tilesegm.comparison.best import train_command

    found = result.answer
    titles = [*(measure.title for measure in found.measures), "best?"]
    # No word of a title is cut; long names go on in a second line instead.
    columns = [Column(title, min_width=max(map(len, title.split()))) for title in titles]
    table = Table(Column(overflow="fold"), *columns, box=SIMPLE_HEAD, pad_edge=False)
    for number in found.order:
        cells = [
            f"{_mean(found.scores[measure.name][number].tolist()):.1f}"
            for measure in found.measures
        ]
        table.add_row(found.names[number], *cells, chance_words(found.chances[number]))
    console = PlainConsole()
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)  # a file has no edge that names must break at
    console.print(table)
    dropped = {row["variant"]: row["epochs"] for row in result.rows if row["state"] == "dropped"}
    said = lines(
        *found.sentences(),
        *(
            f"{name} stopped after epoch {epoch}, behind others; --no-drop trains all to the end"
            for name, epoch in dropped.items()
        ),
        f"report: {result.report}",
        f"best settings: {train_command(result.best_settings)}",
    )
    console.print(said, soft_wrap=True, highlight=False)


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
