"""What ``tilesegm train`` says: progress by epochs, a forecast, and a result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tilesegm.cli.progress import ProgressBar
from tilesegm.events import EpochEnded, Event

if TYPE_CHECKING:
    from tilesegm.training.result import TrainingResult

__all__ = ["EpochProgress", "show_forecast", "show_result", "summarise"]


class EpochProgress(ProgressBar):
    """Also writes a line an epoch on standard error."""

    def __call__(self, event: Event) -> None:
        """Take an event of a run."""
        super().__call__(event)
        match event:
            case EpochEnded():
                score = "" if event.score is None else f", score {event.score:.4f}"
                self._say(
                    f"epoch {event.epoch} of {event.epochs}: loss {event.loss:.4f}{score}, "
                    f"{event.seconds:.1f} s"
                )


def show_forecast(console: Console, said: dict[str, Any]) -> None:
    """Print what a dry run found."""
    rows = {
        "scenes": f"{said['scenes']}, {said['pixels'] / 1e6:,.1f} MP",
        "bands": f"{len(said['bands'])} of {said['dtype']}: {', '.join(said['bands'])}",
        "split": f"{said['split']}, fold {said['fold']} of {said['folds']} held out, "
        f"buffer {said['buffer']} px",
        "network": f"{said['model']}, {said['parameters']:,} parameters, receptive field "
        f"{_field(said['radius'])}, stride {said['stride']}, {said['precision']}",
        "steps": f"{said['batches']:,} batches of {said['batch']} windows of {said['size']} px in "
        f"{said['epochs']} epochs: {said['passes']:.1f} times all pixels",
        "time": f"{_time(said['seconds'])} without looks at held-out pixels "
        f"({said['seconds_per_step']:.2f} s a step, {said['seconds_per_batch']:.2f} s to make a "
        "batch in one thread)",
        "memory": f"{said['peak_memory_bytes'] / 1e9:.1f} GB so far, with one step made",
        "output": f"{said['output']}: nothing but statistics.npz was written",
    }
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    console.print(_classes(said["classes"]))
    for note in said["notes"]:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def summarise(result: TrainingResult) -> dict[str, Any]:
    """Return a result as what JSON can hold."""
    import numpy as np

    from tilesegm.metrics.confusion import Scores
    from tilesegm.model.open import read_spec

    spec = read_spec(result.bundle)
    scores = {
        kind: Scores(np.array(rows, np.int64))
        for kind, rows in (("validation", result.validation), ("test", result.test))
        if rows
    }
    return {
        "folder": str(result.folder),
        "model": str(result.bundle),
        "report": str(result.folder / "report.html"),
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "best_score": result.best_score,
        "classes": [known.name for known in spec.classes] if spec else [],
        "mean_iou": {kind: _number(one.mean_iou) for kind, one in scores.items()},
        "iou": {kind: [_number(value) for value in one.iou] for kind, one in scores.items()},
        "seconds": result.seconds,
    }


def show_result(console: Console, said: dict[str, Any]) -> None:
    """Print what a run gave."""
    table = Table("class", *said["iou"], title="IoU")
    for number, name in enumerate(said["classes"]):
        table.add_row(name, *(_score(column[number]) for column in said["iou"].values()))
    table.add_row("mean", *(_score(said["mean_iou"][kind]) for kind in said["iou"]))
    if said["iou"]:
        console.print(table)
    console.print(
        f"{said['epochs']} epochs, best after {said['best_epoch']}, {_time(said['seconds'])}\n"
        f"model: {said['model']}\nreport: {said['report']}",
        soft_wrap=True,
        highlight=False,
    )


def _classes(classes: list[dict[str, Any]]) -> Table:
    table = Table(title="labelled pixels", title_justify="left")
    table.add_column("class")
    for name in ("all", "share", "learnt", "held out"):
        table.add_column(name, justify="right")
    tested = any(row["test"] for row in classes)
    if tested:
        table.add_column("test", justify="right")
    whole = sum(row["pixels"] for row in classes) or 1
    for row in classes:
        beside_test = row["pixels"] - row["test"]
        share = row["held_out"] / beside_test if beside_test else 0.0
        cells = [
            row["name"],
            f"{row['pixels']:,}",
            f"{row['pixels'] / whole:.2%}",
            f"{row['learnt']:,}",
            f"{row['held_out']:,} ({share:.0%})",
        ]
        table.add_row(*cells, *([f"{row['test']:,}"] if tested else []))
    return table


def _field(radius: int | None) -> str:
    return "unknown" if radius is None else f"{2 * radius + 1} px"


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
