"""How the gain of each loss changes with the length of training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean

from .rows import ImageRow, RunRow, read_images, read_runs
from .study import DATASETS
from .tables import Gain, gain

__all__ = ["has_budgets", "print_budgets", "print_overview"]

_METRICS = ("mean_iou", "boundary_iou")
_TITLES = {
    "drive": "vessels",
    "isbi2012": "membranes",
    "dsb2018": "nuclei",
    "dubai": "aerial photos (`dubai`, 5 classes)",
}


def has_budgets(folder: Path) -> bool:
    """Tell whether runs of several lengths are recorded in a folder."""
    return len({row.steps for row in read_runs(folder)}) > 1


def print_budgets(folder: Path) -> None:
    """Print the table of all data sets as the docs have it, and one of each with its intervals."""
    print_overview(folder)
    images = read_images(folder)
    for data in _data(images):
        print("", f"## {data}", "", *_table([row for row in images if row.data == data]), sep="\n")


def print_overview(folder: Path) -> None:
    """Print boundary IoU above cross-entropy at each length, in bold what is no chance."""
    runs, images = read_runs(folder), read_images(folder)
    lengths, every = _lengths(images), _data(images)
    gains = {
        (data, loss): [_gain(images, data, loss, "boundary_iou", steps) for steps in lengths]
        for data in every
        for loss in {row.loss for row in images if row.data == data} - {"ce"}
    }

    def last(loss: str) -> float:
        found = [each[-1] for (_, name), each in gains.items() if name == loss]
        return mean(one.mean for one in found if one is not None)

    steps = " and ".join(f"{each:,}".replace(",", " ") for each in lengths)
    print(
        f"{len(runs)} runs: {_seeds(runs)}\n\nBoundary IoU above cross-entropy at {steps} steps:\n"
    )
    print(f"| loss | {' | '.join(_TITLES[data] for data in every)} |")
    print(f"| --- |{' ---: |' * len(every)}")
    for loss in sorted({loss for _, loss in gains}, key=last, reverse=True):
        cells = [_said(gains.get((data, loss), [])) for data in every]
        print(f"| `{loss}` | {' | '.join(cells)} |")
    longer = [_longer(images, data) for data in every]
    print(f"| `ce` itself, by the longer training | {' | '.join(longer)} |")


def _said(gains: Sequence[Gain | None]) -> str:
    """Write a gain a length; that of the longest in bold where its interval leaves out 0."""
    cells = ["–" if one is None else f"{one.mean:+.1f}" for one in gains]
    if gains and (one := gains[-1]) is not None and (one.low > 0 or one.high < 0):
        cells[-1] = f"**{cells[-1]}**"
    return ", ".join(cells)


def _longer(images: Sequence[ImageRow], data: str) -> str:
    """Points of boundary IoU that cross-entropy gains from the shortest to the longest training."""
    scores = {
        (row.steps, row.seed, row.image): row.boundary_iou
        for row in images
        if (row.data, row.loss) == (data, "ce")
    }
    short, *_, long = sorted({steps for steps, _, _ in scores})
    pairs = [
        scores[key] - scores.get((short, *key[1:]), float("nan"))
        for key in scores
        if key[0] == long
    ]
    return f"{mean(one for one in pairs if one == one):+.1f}"


def _table(images: Sequence[ImageRow]) -> list[str]:
    """Points above cross-entropy at each length, with their intervals, of one data set."""
    data, lengths = images[0].data, _lengths(images)
    heads = [f"seeds | mean IoU, {n} steps | boundary IoU, {n} steps" for n in lengths]
    lines = [f"| loss | {' | '.join(heads)} |", f"| --- |{' ---: |' * 3 * len(lengths)}"]
    for loss in sorted({row.loss for row in images} - {"ce"}):
        cells = []
        for steps in lengths:
            seeds = [
                {row.seed for row in images if (row.loss, row.steps) == (one, steps)}
                for one in (loss, "ce")
            ]
            gains = [_gain(images, data, loss, metric, steps) for metric in _METRICS]
            cells += [str(len(seeds[0] & seeds[1])), *(str(one or "") for one in gains)]
        lines.append(f"| `{loss}` | {' | '.join(cells)} |")
    return lines


def _gain(images: Sequence[ImageRow], data: str, loss: str, metric: str, steps: int) -> Gain | None:
    return gain([row for row in images if row.steps == steps], [data], loss, metric)


def _data(images: Sequence[ImageRow]) -> list[str]:
    return [data for data in DATASETS if any(row.data == data for row in images)]


def _lengths(images: Sequence[ImageRow]) -> list[int]:
    return sorted({row.steps for row in images})


def _seeds(runs: Sequence[RunRow]) -> str:
    """Say how many seeds every loss of a data set and length has at least, and at most."""
    said = []
    for (data, steps), group in groupby(
        sorted(runs, key=lambda row: (DATASETS.index(row.data), row.steps)),
        key=lambda row: (row.data, row.steps),
    ):
        rows = list(group)
        counts = {sum(row.loss == loss for row in rows) for loss in {row.loss for row in rows}}
        span = "-".join(map(str, sorted({min(counts), max(counts)})))
        said.append(f"{data} {steps} steps {span} seeds")
    return ", ".join(said)
