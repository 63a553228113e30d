"""What ``tilesegm train`` says: progress by epochs, a dry run, and a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.terminal import PlainConsole, lines
from tilesegm.counted import counted
from tilesegm.events import EpochEnded, Event
from tilesegm.plain import plain

if TYPE_CHECKING:
    from tilesegm.training.result import TrainingResult

__all__ = ["EpochProgress", "show_dry_run", "show_result", "summarise"]

_ROLES = ("train", "validation", "test")


class EpochProgress(ProgressBar):
    """Also prints a line per epoch on standard error."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._quiet = quiet

    def __call__(self, event: Event) -> None:
        """Take an event of a run."""
        super().__call__(event)
        match event:
            case EpochEnded() if not self._quiet:
                self.say(self.line(event))

    def line(self, event: EpochEnded) -> str:
        """Say what came of an epoch."""
        score = "" if event.score is None else f", score {event.score:.4f}"
        return (
            f"epoch {event.epoch} of {event.epochs}: loss {event.loss:.4f}{score}, "
            f"{event.seconds:.1f} s"
        )


def show_dry_run(console: PlainConsole, dry: dict[str, Any]) -> None:
    """Print the summary of a dry run."""
    unlabelled = dry["pixels"] - sum(row["pixels"] for row in dry["classes"])
    rows = {
        "scenes": f"{dry['scenes']}, {dry['pixels'] / 1e6:,.1f} MP",
        "unlabelled": f"{unlabelled:,} px ({unlabelled / dry['pixels']:.1%}): missing in image or "
        "labels, ignored, outside the area or of weight 0",
        "bands": f"{len(dry['bands'])} of {dry['dtype']}: {', '.join(dry['bands'])}",
        "split": _split(dry),
        "network": f"{dry['model']}, {dry['parameters']:,} parameters, receptive field "
        f"{_field(dry['radius'])}, stride {dry['stride']}, {dry['precision']}",
        "steps": f"{counted(dry['batches'], 'batch', 'batches')} of "
        f"{counted(dry['batch'], 'window')} of {dry['size']} px in "
        f"{counted(dry['epochs'], 'epoch')}: {dry['passes']:.1f} times all pixels",
        "time": f"{_time(dry['seconds'])} without validation "
        f"({dry['seconds_per_step']:.2f} s a step, {dry['seconds_per_batch']:.2f} s to make a "
        "batch in one thread)",
        "memory": _memory(dry["peak_memory_bytes"]),
        "output": f"{dry['output']}: nothing but statistics.npz was written",
    }
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    console.print(_classes(dry["classes"]))


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
        "classes": [info.name for info in spec.classes] if spec else [],
        "mean_iou": {kind: plain(each.mean_iou) for kind, each in scores.items()},
        "iou": {kind: plain(each.iou) for kind, each in scores.items()},
        "decision": plain(result.decision),
        "seconds": result.seconds,
    }


def show_result(console: PlainConsole, result: dict[str, Any]) -> None:
    """Print the summary of a run."""
    table = Table("class", *result["iou"], title="IoU")
    for number, name in enumerate(result["classes"]):
        table.add_row(name, *(_score(column[number]) for column in result["iou"].values()))
    table.add_row("mean", *(_score(result["mean_iou"][kind]) for kind in result["iou"]))
    if result["iou"]:
        console.print(table)
    console.print(
        lines(
            f"{counted(result['epochs'], 'epoch')}, best after {result['best_epoch']}, "
            f"{_time(result['seconds'])}",
            *_decision(result["decision"], result["classes"]),
            f"model: {result['model']}",
            f"report: {result['report']}",
        ),
        soft_wrap=True,
        highlight=False,
    )


def _decision(facts: dict[str, Any], classes: list[str]) -> list[str]:
    """Say what was chosen on held-out pixels and what it brings there."""
    if not facts:
        return []
    if facts["threshold"] is not None:
        said = f"{classes[1]!r} from a probability of {facts['threshold']:.4f} on"
    elif facts["measure"] != "none":
        listed = zip(classes, facts["offsets"], strict=True)
        said = "offsets " + ", ".join(f"{name} {offset:+.3g}" for name, offset in listed)
    else:
        said = "the highest score"
    if facts["temperature"] is not None:
        said += f", temperature {facts['temperature']:g}"
    rows = [f"decision: {said}"]
    gained = facts.get("held_out")
    if gained:
        changes = [
            f"{name.replace('_', ' ')} {gained['before'][name]:.4f} -> {gained['after'][name]:.4f}"
            for name in ("mean_iou", "mean_dice", "calibration_error")
        ]
        rows.append(f"on held-out pixels: {', '.join(changes)}")
        if facts["measure"] != "none":
            crossed = facts["cross_fitted"][facts["measure"]]
            rows.append(
                f"{facts['measure'].replace('_', ' ')} {crossed:.4f} where each half is decided "
                "by what the other half chose"
            )
    return [*rows, *(f"note: {note}" for note in facts["notes"])]


def _split(dry: dict[str, Any]) -> str:
    """Say by what pixels are held out: by roles of scenes, by the split of others, or by both."""
    given = [f"{dry['roles'][r]} {r}" for r in _ROLES if r in dry["roles"]]
    others = dry["scenes"] - sum(dry["roles"].values())
    ways = [f"roles of scenes: {', '.join(given)}"] if given else []
    if others:
        ways.append(
            (f"{others} others: " if given else "")
            + f"{dry['split']}, fold {dry['fold']} of {dry['folds']} held out, buffer "
            f"{dry['buffer']} px"
        )
    return "; ".join(ways)


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


def _memory(peak: int | None) -> str:
    return "unknown" if peak is None else f"{peak / 1e9:.1f} GB so far, with one step made"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
