"""The table of finished runs: a line a run, appended and flushed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tilesegm.comparison.measures import MEASURES
from tilesegm.files import flush, output_errors

__all__ = ["Row", "append_rows", "read_rows"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run that is over."""

    variant: str
    seed: int
    fold: int
    state: str
    """``finished``, ``dropped`` or ``failed``."""
    epochs: int
    steps: int
    """Updates that were made."""
    seconds: float
    """Of training, without scoring."""
    scored_on: str
    """``test``, or ``validation`` by halves."""
    rule: str
    """Threshold of the second of two classes, offsets of log-probabilities, or ``argmax``."""
    scores: Mapping[str, float]
    """By name, in points or pixels."""
    settings_sha256: str
    data_sha256: str
    """Of images, labels and split."""
    folder: str
    error: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells runs apart."""
        return self.variant, self.seed, self.fold

    def cells(self) -> dict[str, object]:
        """Return the columns of the table."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        scores = plain.pop("scores")
        shown = {name: f"{scores[name]:.4f}" if name in scores else "" for name in MEASURES}
        ends = ("settings_sha256", "data_sha256", "folder", "error")
        first = {name: value for name, value in plain.items() if name not in ends}
        return {**first, "seconds": f"{self.seconds:.1f}", **shown, **{n: plain[n] for n in ends}}


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Append rows, and wait until they are on disk; a line that a kill cut off is cut away first.

    Raises:
        OutputError: they cannot be written.
    """
    table = [row.cells() for row in rows]
    if not table:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    with output_errors(path):
        whole = _whole_lines(path)
        if not whole:
            writer.writeheader()
        writer.writerows(table)
        with path.open("r+b" if path.exists() else "wb") as file:
            file.truncate(whole)
            file.seek(whole)
            try:
                file.write(text.getvalue().encode())
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(whole)
                raise
        flush(path.parent)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the whole lines of the table, the first of each run."""
    if not path.exists():
        return []
    text = path.read_bytes()[: _whole_lines(path)].decode()
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for line in csv.DictReader(io.StringIO(text)):
        found.setdefault((line["variant"], line["seed"], line["fold"]), line)
    return list(found.values())


def _whole_lines(path: Path) -> int:
    """Return the length of a table up to the end of its last whole line."""
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
