"""How the gain of each loss changes with the length of training."""

from __future__ import annotations

import csv
from pathlib import Path

from .run import ImageRow
from .tables import gain

__all__ = ["has_budgets", "print_budgets"]


def has_budgets(folder: Path) -> bool:
    """Tell whether runs of several lengths are recorded in a folder."""
    with (folder / "runs.csv").open(newline="") as file:
        return "steps" in next(csv.reader(file), [])


def print_budgets(folder: Path) -> None:
    """Print a table a data set: points above cross-entropy at each length, with their interval."""
    with (folder / "runs.csv").open(newline="") as file:
        finished = {
            (one["data"], one["loss"], one["seed"], one["steps"]) for one in csv.DictReader(file)
        }
    with (folder / "images.csv").open(newline="") as file:
        images = [
            (one["steps"], _image(one))
            for one in csv.DictReader(file)
            if (one["data"], one["loss"], one["seed"], one["steps"]) in finished
        ]
    lengths = sorted({steps for steps, _ in images}, key=int)
    for data in dict.fromkeys(row.data for _, row in images):
        print(f"\n## {data}\n\n| loss |", end="")
        print(*(f" seeds | mean IoU, {n} steps | boundary IoU, {n} steps |" for n in lengths))
        print("| --- |", *("---: | ---: | ---: |" for _ in lengths))
        for loss in sorted({row.loss for _, row in images if row.data == data} - {"ce"}):
            cells = [_cells(data, loss, [row for n, row in images if n == one]) for one in lengths]
            print(f"| `{loss}` |", *cells)


def _cells(data: str, loss: str, images: list[ImageRow]) -> str:
    seeds = {
        one: {row.seed for row in images if (row.data, row.loss) == (data, one)}
        for one in (loss, "ce")
    }
    gains = (gain(images, [data], loss, metric) for metric in ("mean_iou", "boundary_iou"))
    return f"{len(seeds[loss] & seeds['ce'])} | {' | '.join(str(one or '') for one in gains)} |"


def _image(line: dict[str, str]) -> ImageRow:
    return ImageRow(
        line["data"],
        line["loss"],
        int(line["seed"]),
        line["image"],
        float(line["mean_iou"]),
        float(line["boundary_iou"]),
    )
