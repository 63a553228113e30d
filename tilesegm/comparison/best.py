"""The file of settings with the values that came out best."""

from __future__ import annotations

import shlex
from pathlib import Path

from tilesegm.comparison.plan import Plan
from tilesegm.files import check_file, write_file
from tilesegm.ownership import check_place
from tilesegm.training.settings.commented import commented_yaml
from tilesegm.training.settings.settings_file import load_document
from tilesegm.trust import trusted

__all__ = ["best_file", "check_best", "train_command", "write_best"]

_MARK = "Settings that came out best, written by `tilesegm compare`."


def best_file(plan: Plan) -> Path:
    """Name the file: beside the settings that were compared."""
    return plan.path.with_name(f"{plan.path.stem}.best.yaml")


def check_best(plan: Plan) -> None:
    """Refuse a place that cannot be written, or where something else stands, before any run.

    Raises:
        OutputError: it is so.
    """
    check_file(best_file(plan))
    check_place(best_file(plan), _MARK.encode())


def train_command(file: str | Path) -> str:
    """Write the command that trains with a file, and trusts what the comparison did."""
    return f"tilesegm train {shlex.quote(str(file))}{' --trust' if trusted() else ''}"


def write_best(plan: Plan, name: str) -> None:
    """Write the settings of a variant, with the length that the file has and a folder of its own.

    Raises:
        OutputError: they cannot be written.
    """
    variant = next(each for each in plan.variants if each.name == name)
    values = load_document(plan.path, [*plan.changes, *variant.changes]).values
    values["output"] = f"{values.get('output') or 'run'}-best"
    head = (
        _MARK,
        f"{name}: best of {', '.join(plan.names)} by {plan.options.rank_by};",
        f"{plan.folder / 'report.html'} says how sure that is.",
        f"Train with it: {train_command(best_file(plan).name)}",
    )
    text = commented_yaml(values, {}, tuple(" ".join(line.split()) for line in head))
    write_file(best_file(plan), text, _MARK.encode())
