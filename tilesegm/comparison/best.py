"""The file of settings with the values that came out best."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from tilesegm.comparison.plan import Plan
from tilesegm.files import check_file, output_errors, write_file
from tilesegm.ownership import carries, check_place, free_name
from tilesegm.training.settings.commented import commented_yaml
from tilesegm.training.settings.settings_file import load_document
from tilesegm.trust import trusted

__all__ = ["best_file", "check_best", "train_command", "write_best"]

_MARK = "Settings that came out best, written by `tilesegm compare`."
_SEAL = "# SHA-256 of the lines above, by which an edited file is known and kept: "


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


def write_best(plan: Plan, name: str) -> Path | None:
    """Write the settings of a variant, with the length that the file has and a folder of its own.

    Returns:
        Where a file that was edited since it was written has gone; None if there was none.

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
    aside = _set_aside(best_file(plan))
    write_file(best_file(plan), text + _seal(text), _MARK.encode())
    return aside


def _seal(text: str) -> str:
    return f"{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}\n"


def _set_aside(path: Path) -> Path | None:
    """Rename a file of ours that is not as it was written."""
    if not carries(path, _MARK.encode()):
        return None
    with output_errors(path):
        text, mark, _ = path.read_bytes().decode(errors="replace").rpartition(_SEAL)
        if mark and path.read_bytes() == (text + _seal(text)).encode():
            return None
        return path.rename(free_name(path, "edited"))
