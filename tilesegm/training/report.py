"""The report of a run: one page to look at, and the same numbers as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import numpy as np

from tilesegm.classes import ClassInfo
from tilesegm.counted import counted
from tilesegm.files import write_file
from tilesegm.metrics.confusion import Scores
from tilesegm.networks.start_weights import StartWeights
from tilesegm.plain import plain
from tilesegm.report.charts import bars, heat_map, lines
from tilesegm.report.decision import add_decision
from tilesegm.report.page import Page
from tilesegm.report.pictures import comparison
from tilesegm.training.result import Picture, ResultData

__all__ = ["write_report"]

_SHOWN = 230
"""Width of a picture on the page."""


def write_report(data: ResultData) -> None:
    """Write the page to ``data.path``, and JSON beside it.

    Raises:
        OutputError: they cannot be written.
    """
    result = data.result
    page = Page(
        "Training report",
        f"{counted(result.epochs, 'epoch')}; the network of epoch {result.best_epoch} was kept.",
    )
    for note in data.notes:
        page.text(f"Note: {note}")
    scored = [
        (name, Scores(np.array(counts)))
        for name, counts in (("held-out", result.validation), ("test", result.test))
        if counts
    ]
    _add_scores(page, data, scored)
    names = [info.name for info in data.classes]
    add_decision(page, result.decision, names, data.curve, data.decided)
    _add_curves(page, data)
    _add_windows(page, "Worst windows", data.worst, data.classes)
    _add_windows(page, "Best windows", data.best, data.classes)
    _add_data(page, data)
    _add_start(page, data.start)
    page.section("Settings")
    page.table(["key", "value"], _flat(data.settings))
    page.save(data.path)
    text = json.dumps(plain(_facts(data, scored)), indent=1, allow_nan=False)
    write_file(data.path.with_suffix(".json"), text + "\n")


def _add_scores(page: Page, data: ResultData, scored: Sequence[tuple[str, Scores]]) -> None:
    names = [info.name for info in data.classes]
    for what, scores in scored:
        page.section(
            f"Scores on {what} pixels",
            f"{scores.pixels:,} labelled pixels, none of which was learnt from. Mean IoU "
            f"{scores.mean_iou:.4f}, accuracy {scores.accuracy:.4f}, kappa {scores.kappa:.4f}.",
        )
        columns = scores.iou, scores.dice, scores.precision, scores.recall
        page.table(
            ["class", "IoU", "Dice", "precision", "recall", "pixels"],
            [
                [name, *map(float, values), int(pixels)]
                for name, *values, pixels in zip(names, *columns, scores.true, strict=True)
            ],
        )
        colours = [f"rgb{info.colour}" for info in data.classes]
        iou = {name: float(value) for name, value in zip(names, scores.iou, strict=True)}
        page.figure(bars(iou, colours=colours), "IoU of each class")
        page.figure(heat_map(scores.confusion, names), "Where the pixels of each class went")


def _add_curves(page: Page, data: ResultData) -> None:
    history = data.result.history
    page.section("Curves")
    for axis, names in _groups(history).items():
        series = {}
        for name in names:
            epochs = [n for n, row in enumerate(history, 1) if name in row]
            series[name] = (epochs, [history[n - 1][name] for n in epochs])
        page.figure(lines(series, x="epoch", y=axis))


def _groups(history: Sequence[dict[str, float]]) -> dict[str, list[str]]:
    """Put numbers that share a unit into one drawing."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in history for name in row):
        kind = name.partition("_")[0]
        axis = {"loss": "loss", "weight": "weight of a loss", "val": "held-out score"}.get(
            kind, name
        )
        if name.startswith("weight_class_"):
            axis = "weight of a class"
        if name not in ("epoch", "seconds"):
            groups.setdefault(axis, []).append(name)
    return groups


def _add_windows(
    page: Page, title: str, pictures: Sequence[Picture], classes: Sequence[ClassInfo]
) -> None:
    if not pictures:
        return
    page.section(title, "Image, truth, prediction, and errors in the colour of the true class.")
    page.key((info.name, info.colour) for info in classes)
    for shown in pictures:
        page.figure(
            comparison(shown.truth, shown.predicted, classes, shown.image, width=_SHOWN),
            f"{shown.scene}, row {shown.row}, column {shown.col}: "
            f"{100 * shown.accuracy:.1f} % of labelled pixels are right. Image: {shown.drawn}",
        )


def _add_data(page: Page, data: ResultData) -> None:
    page.section("Data")
    total = max(sum(data.train_counts), 1)
    page.table(
        ["class", "pixels learnt from", "fraction"],
        [
            [info.name, count, count / total]
            for info, count in zip(data.classes, data.train_counts, strict=True)
        ],
    )
    rows = [(name, Scores(np.array(counts))) for name, counts in data.scenes.items()]
    if rows:
        page.table(
            ["scene", "mean IoU", "accuracy", "labelled pixels"],
            [[name, scores.mean_iou, scores.accuracy, scores.pixels] for name, scores in rows],
        )
    if data.split_picture.is_file():
        encoded = base64.b64encode(data.split_picture.read_bytes()).decode("ascii")
        page.figure(f'<img alt="" src="data:image/png;base64,{encoded}">', "The split")


def _add_start(page: Page, start: StartWeights | None) -> None:
    if start is None:
        return
    page.section(
        "Start weights",
        f"{counted(len(start.copied), 'layer')} started with the weights of another network, and "
        f"{len(start.from_scratch)} from scratch{': ' if start.from_scratch else ''}"
        f"{', '.join(start.from_scratch)}.",
    )


def _flat(settings: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in settings.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def _facts(data: ResultData, scored: Sequence[tuple[str, Scores]]) -> dict[str, object]:
    names = [info.name for info in data.classes]
    return {
        "epochs": data.result.epochs,
        "best_epoch": data.result.best_epoch,
        "classes": names,
        "train_pixels": dict(zip(names, data.train_counts, strict=True)),
        "notes": list(data.notes),
        "start": None if data.start is None else data.start.layers,
        "scores": {
            what: {
                "pixels": scores.pixels,
                "mean_iou": scores.mean_iou,
                "accuracy": scores.accuracy,
                "kappa": scores.kappa,
                "iou": dict(zip(names, scores.iou.tolist(), strict=True)),
                "dice": dict(zip(names, scores.dice.tolist(), strict=True)),
                "confusion": scores.confusion.tolist(),
            }
            for what, scores in scored
        },
        "decision": data.result.decision,
        "history": data.result.history,
        "settings": data.settings,
    }
