"""What ``tilesegm evaluate`` prints: scores as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

__all__ = ["comparison_tables", "score_tables"]


def score_tables(said: dict[str, Any]) -> list[Table]:
    """Make tables of what `Evaluation.to_dict` says."""
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
        if name in said:
            overall.add_row(name.replace("_", " "), _text(said[name]))
    overall.add_row("pixels", f"{said['pixels']:,}")
    rows = said["classes"]
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "objects"))
    by_class = Table(title="classes", title_justify="left")
    by_class.add_column("", no_wrap=True)
    for row in rows:
        by_class.add_column(row["name"], justify="right")
    for column in columns[1:]:
        by_class.add_row(column.replace("_", " "), *(_text(row.get(column, "")) for row in rows))
    for part in ("true", "predicted", "matched", "f1", "panoptic_quality"):
        if any("objects" in row for row in rows):
            cells = (_text(row["objects"][part]) if "objects" in row else "" for row in rows)
            by_class.add_row(f"objects: {part.replace('_', ' ')}", *cells)
    tables = [overall, by_class]
    for key, title in (
        ("accuracy_by_border_distance", "accuracy by pixels from a border of the truth"),
        ("accuracy_by_seam_distance", "accuracy by pixels from a seam of tiles"),
    ):
        if key in said:
            table = Table(title=title, title_justify="left")
            for bin_ in said[key]:
                end = bin_["up_to_pixels"]
                table.add_column("beyond" if end is None else f"to {end}", justify="right")
            table.add_row(*(_text(bin_["accuracy"]) for bin_ in said[key]))
            tables.append(table)
    return tables


def comparison_tables(said: Sequence[dict[str, Any]]) -> list[Table]:
    """Make tables of what `Comparison.to_list` says."""
    tables = []
    for one in said:
        table = Table(title=f"{one['other']} beside {one['first']}", title_justify="left")
        for column in ("", "first", "other", "difference", "95 % interval"):
            table.add_column(column, justify="right" if column else "left")
        for row in one["differences"]:
            numbers = (_text(row[name]) for name in ("first", "other"))
            known = row["low"] is not None
            ends = f"{row['low']:+.4f} to {row['high']:+.4f}" if known else "-"
            difference = "-" if row["difference"] is None else f"{row['difference']:+.4f}"
            table.add_row(row["metric"].replace("_", " "), *numbers, difference, ends)
        tables.append(table)
    return tables


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if value == "inf":
        return "> cap"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if value != "" else ""
