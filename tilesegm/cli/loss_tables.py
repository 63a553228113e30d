"""What ``tilesegm losses list`` and ``show`` print: tables, and blocks to paste."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table

from tilesegm.cli.terminal import PlainConsole, lines, say

if TYPE_CHECKING:
    from tilesegm.advice.catalogue import Entry
    from tilesegm.advice.described import Described
    from tilesegm.advice.study import Row

__all__ = ["GAIN", "paste", "show_described", "show_entries", "study_table"]

GAIN = (
    "in points; steps: seeds x updates; gain: of (mean IoU + boundary IoU) / 2 above cross-entropy "
    "with the same seeds, ± its standard deviation"
)
"""What the columns of `study_table` are."""

_TITLES = {
    "losses": "losses, for loss.terms",
    "recipes": "recipes, for loss.terms",
    "rules": "weighting rules, for loss.weighting",
    "schedules": "schedules, for the rule scheduled",
}


def show_entries(console: PlainConsole, entries: Sequence[Entry], unit: str) -> None:
    """Print a table for each kind of entry."""
    for kind, group in groupby(entries, lambda entry: entry.kind):
        listed = list(group)
        costs = any(entry.cost is not None for entry in listed)
        table = Table(title=_TITLES[kind], title_justify="left", box=None, pad_edge=False)
        table.add_column("name", no_wrap=True)
        if kind == "losses":
            table.add_column("family", no_wrap=True)
        if costs:
            table.add_column("cost", justify="right")
        table.add_column("what it does")
        for entry in listed:
            family = [entry.family] if kind == "losses" else []
            cost = [f"{entry.cost:.1f}"] if entry.cost is not None else []
            table.add_row(entry.name, *family, *cost, entry.line)
        console.print(table)
        console.print()
    console.print(f"cost: {unit}")
    console.print("`tilesegm losses show NAME` tells more, with settings to paste.")


def show_described(console: PlainConsole, described: Described, unit: str) -> None:
    """Print all that is known of one entry."""
    entry = described.entry
    console.print(f"{entry.name}: {entry.line}")
    console.print()
    cost = "" if entry.cost is None else f"{entry.cost:.1f}: {unit}"
    facts = {
        "family": entry.family,
        "formula": described.formula,
        "source": entry.source,
        "cost": cost,
        "beside": f"never alone; the blocks below add it to {entry.beside}" if entry.beside else "",
        "note": entry.note,
    }
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    for name, text in facts.items():
        if text:
            table.add_row(name, text)
    console.print(table)
    _section(console, described.doc)
    if described.arguments:
        _heading(console, "arguments")
    for argument in described.arguments:
        default = "required" if argument.required else f"default {_shown(argument.default)}"
        console.print(Padding(f"{argument.name}: {argument.type}, {default}", (0, 0, 0, 2)))
        if argument.meaning:
            console.print(Padding(argument.meaning, (0, 0, 0, 6)))
    _heading(console, "in the settings file")
    paste({"loss": described.loss})
    _heading(console, "in Python")
    for line in described.python.splitlines():
        say(f"  {line}")
    if described.study:
        _heading(console, "in the study")
        console.print(study_table(described.study))
        console.print(GAIN)


def study_table(rows: Sequence[Row]) -> Table:
    """Make a table of rows of the study; `GAIN` explains it."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("data", no_wrap=True)
    table.add_column("loss", no_wrap=True)
    for name in ("steps", "mean IoU", "boundary", "gain"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        gain = f"{row.gain:+.1f} ± {row.spread:.1f}"
        table.add_row(
            row.data,
            row.loss,
            f"{row.seeds} x {row.steps}",
            f"{row.mean_iou:.1f}",
            f"{row.boundary_iou:.1f}",
            "" if row.loss == "ce" else gain,
        )
    return table


def paste(section: dict[str, Any]) -> None:
    """Print settings as YAML, never folded."""
    import yaml

    text = yaml.safe_dump(section, sort_keys=False, allow_unicode=True, default_flow_style=None)
    for line in text.splitlines():
        say(f"  {line}")


def _section(console: PlainConsole, text: str) -> None:
    for paragraph in text.split("\n\n")[1:]:  # the first is the summary, which the line tells
        console.print()
        console.print(lines(*paragraph.splitlines()) if "::" in text else _joined(paragraph))


def _heading(console: PlainConsole, text: str) -> None:
    console.print()
    console.print(text)


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool | int | float | str | list | tuple):
        return json.dumps(value)
    return type(value).__name__
