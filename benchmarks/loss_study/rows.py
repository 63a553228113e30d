"""Finished runs, in two files: a row a run, and a row a test image of each run."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .study import STEPS

__all__ = ["ImageRow", "RunRow", "add_rows", "read_images", "read_runs"]


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One finished run. Scores are of all test pixels together, in points unless said."""

    data: str
    loss: str
    seed: int
    steps: int = STEPS
    threshold: float
    """Of class 1, chosen on validation images; 0.5 stands for the likeliest class."""
    validation: float
    """Mean IoU of validation images at that threshold."""
    accuracy: float
    mean_iou: float
    mean_dice: float
    boundary_iou: float
    boundary_f1: float
    hausdorff95: float
    """Pixels."""
    cldice: float
    calibration_error: float
    processor: float
    """Seconds of all threads, training and scoring."""

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells runs apart."""
        return self.data, self.loss, self.seed, self.steps


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """One test image of a run, in points."""

    data: str
    loss: str
    seed: int
    steps: int = STEPS
    image: str
    mean_iou: float
    boundary_iou: float

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells runs apart."""
        return self.data, self.loss, self.seed, self.steps


def read_runs(folder: Path) -> list[RunRow]:
    """Read finished runs; of a run that stands there twice the later row counts."""
    rows = [RunRow(**line) for line in _read(folder / "runs.csv", RunRow)]
    return list({row.key: row for row in rows}.values())


def read_images(folder: Path) -> list[ImageRow]:
    """Read the test images of finished runs."""
    finished = {row.key for row in read_runs(folder)}
    rows = [ImageRow(**line) for line in _read(folder / "images.csv", ImageRow)]
    # A run that was cut off before its own row was written has been made again.
    return list({(*row.key, row.image): row for row in rows if row.key in finished}.values())


def add_rows(folder: Path, run: RunRow, images: Sequence[ImageRow]) -> None:
    """Append a finished run; its images first, so that a run that is listed has all of them."""
    _append(folder / "images.csv", images)
    _append(folder / "runs.csv", [run])


def _read(path: Path, kind: type[RunRow | ImageRow]) -> list[dict[str, Any]]:
    """Read the columns that are kept; recorded tables have some more, and short ones no steps."""
    if not path.exists():
        return []
    kinds = {"str": str, "int": int, "float": float}
    known = {field.name: kinds[str(field.type)] for field in fields(kind)}
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return [
        {name: known[name](text) for name, text in one.items() if name in known} for one in lines
    ]


def _append(path: Path, rows: Sequence[RunRow | ImageRow]) -> None:
    names = [field.name for field in fields(rows[0])]
    if path.exists():
        with path.open(newline="") as file:
            names = next(csv.reader(file), names)
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, names, extrasaction="ignore")
        if not file.tell():
            table.writeheader()
        table.writerows(
            {name: _short(value) for name, value in asdict(row).items()} for row in rows
        )


def _short(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) and math.isfinite(value) else value
