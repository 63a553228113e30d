"""Finished runs, in two files: a row a run, and a row a test image of each run."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .run import ImageRow, RunRow

__all__ = ["add_rows", "read_images", "read_runs"]


def read_runs(folder: Path) -> list[RunRow]:
    """Read what earlier calls have finished."""
    rows = [RunRow(**line) for line in _read(folder / "runs.csv")]
    return list({(row.data, row.loss, row.seed): row for row in rows}.values())


def read_images(folder: Path) -> list[ImageRow]:
    """Read the test images of finished runs."""
    rows = [ImageRow(**line) for line in _read(folder / "images.csv", "image")]
    # A run that was cut off before its own row was written has been made again.
    return list({(row.data, row.loss, row.seed, row.image): row for row in rows}.values())


def add_rows(folder: Path, run: RunRow, images: Sequence[ImageRow]) -> None:
    """Append a finished run; its images first, so that a run that is listed has all of them."""
    _append(folder / "images.csv", images)
    _append(folder / "runs.csv", [run])


def _read(path: Path, *texts: str) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    kinds = {"data": str, "loss": str, "seed": int, **dict.fromkeys(texts, str)}
    return [{name: kinds.get(name, float)(text) for name, text in line.items()} for line in lines]


def _append(path: Path, rows: Sequence[RunRow | ImageRow]) -> None:
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(rows[0])])
        if not file.tell():
            table.writeheader()
        table.writerows(
            {name: _short(value) for name, value in asdict(row).items()} for row in rows
        )


def _short(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) and math.isfinite(value) else value
