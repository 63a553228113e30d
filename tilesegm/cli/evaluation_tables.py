"""What ``tilesegm evaluate`` prints: scores as tables no wider than the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from rich.table import Table

from tilesegm.cli.terminal import lines

__all__ = ["comparison_tables", "score_tables"]

_NAME = 24
"""Most characters of a class's name in one line."""
_FRAME = 3
"""Characters of the frame of a column."""


def score_tables(summary: dict[str, Any], width: int) -> list[Table]:
    """Make tables of `Evaluation.to_dict` for a terminal of ``width`` characters."""
    overall = Table(show_header=False, title="all classes", title_justify="left")
    for name in (
        "accuracy",
        "kappa",
        "mean_iou",
        "mean_dice",
        "frequency_weighted_iou",
        "mean_boundary_iou",
        "expected_calibration_error",
    ):
        if name in summary:
            over = _classes_of(summary, name)
            overall.add_row(name.replace("_", " "), _text(summary[name]) + over)
    if "decision" in summary:
        overall.add_row("decision", summary["decision"])
    overall.add_row("pixels", f"{summary['pixels']:,}")
    tables = [overall, *_class_tables(summary["classes"], width)]
    for key, title in (
        ("accuracy_by_border_distance", "pixels from a border of the truth"),
        ("accuracy_by_seam_distance", "pixels from a seam of tiles"),
    ):
        if key in summary:
            table = Table(title)
            table.add_column("accuracy", justify="right")
            for bin_ in summary[key]:
                end = bin_["up_to_pixels"]
                table.add_row("beyond" if end is None else f"to {end}", _text(bin_["accuracy"]))
            tables.append(table)
    return tables


def _class_tables(rows: Sequence[dict[str, Any]], width: int) -> Iterator[Table]:
    """Give each class a row, in as many tables as are needed to show all scores."""
    names = [row["name"] for row in rows]
    room = left = width - 1 - _FRAME - min(_NAME, max(map(len, ("class", *names))))
    beside: dict[str, list[str]] = {}
    for heading, cells in _columns(rows).items():
        wide = _FRAME + _widest(heading, cells)
        if wide > left and beside:
            yield _class_table(names, beside)
            beside, left = {}, room
        beside[heading] = cells
        left -= wide
    yield _class_table(names, beside)


def _class_table(names: Sequence[str], columns: dict[str, list[str]]) -> Table:
    table = Table()
    table.add_column("class", max_width=_NAME, overflow="fold")
    for heading, cells in columns.items():
        words = wrap(heading, _widest(heading, cells))
        table.add_column(lines(*words), justify="right", no_wrap=True)
    for name, *cells in zip(names, *columns.values(), strict=True):
        if any(cells):
            table.add_row(lines(name), *cells)
    return table


def _widest(heading: str, cells: Sequence[str]) -> int:
    return max(map(len, (*heading.split(), *cells)))


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return a column of all classes for each score, by the name of the score."""
    scores = dict.fromkeys(key for row in rows for key in row if key not in ("name", "objects"))
    columns = {key.replace("_", " "): [_text(row.get(key, "")) for row in rows] for key in scores}
    for part in ("true", "predicted", "matched", "f1", "panoptic_quality"):
        if any("objects" in row for row in rows):
            columns[f"objects: {part.replace('_', ' ')}"] = [
                _text(row["objects"][part]) if "objects" in row else "" for row in rows
            ]
    return columns


def comparison_tables(comparisons: Sequence[dict[str, Any]]) -> list[Table]:
    """Make tables of `Comparison.to_list`."""
    tables = []
    for comparison in comparisons:
        table = Table(
            title=f"{comparison['other']} beside {comparison['first']}", title_justify="left"
        )
        for column in ("", "first", "other", "difference", "95 % interval"):
            table.add_column(column, justify="right" if column else "left")
        for row in comparison["differences"]:
            numbers = (_text(row[name]) for name in ("first", "other"))
            ends = f"{row['low']:+.4f} to {row['high']:+.4f}" if row["low"] is not None else "-"
            difference = "-" if row["difference"] is None else f"{row['difference']:+.4f}"
            table.add_row(row["metric"].replace("_", " "), *numbers, difference, ends)
        tables.append(table)
    return tables


def _classes_of(summary: dict[str, Any], name: str) -> str:
    """Say over how many classes a mean is taken, where not all of them have the score."""
    counted = summary.get(f"{name.replace('dice', 'iou')}_classes")
    every = len(summary["classes"])
    return "" if counted in (None, every) else f" ({counted} of {every} classes)"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if value == "inf":
        return "> cap"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if value != "" else ""
