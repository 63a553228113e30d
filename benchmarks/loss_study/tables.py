"""Tables of what finished runs have in common, and how certain a difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .rows import ImageRow, RunRow, read_images, read_runs
from .study import LOSSES

__all__ = ["Gain", "gain", "print_tables"]

_SHOWN = (
    "mean_iou",
    "boundary_iou",
    "boundary_f1",
    "hausdorff95",
    "cldice",
    "calibration_error",
    "threshold",
)
_SMALL_IS_GOOD = ("hausdorff95", "calibration_error")
_DRAWS = 10_000


@dataclass(frozen=True)
class Gain:
    """How many points a loss is above plain cross-entropy, as the mean over test images."""

    mean: float
    low: float
    high: float
    """Ends of the 95 % interval."""

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


def gain(images: Sequence[ImageRow], data: Sequence[str], loss: str, metric: str) -> Gain | None:
    """Compare a loss with plain cross-entropy; several data sets count the same each.

    A run and the run of cross-entropy with the same seed began with the same weights and saw the
    same windows, and an image that is hard for one is hard for both: differences are taken within
    pairs. The interval is a percentile bootstrap that draws seeds, and images within data sets.

    Returns:
        None where runs are missing.
    """
    random = np.random.default_rng(0)
    means, draws = [], []
    for name in data:
        pairs = _differences(images, name, loss, metric)
        if pairs is None:
            return None
        means.append(float(np.nanmean(pairs)))
        seeds, count = pairs.shape
        average = np.nanmean if np.isnan(pairs).any() else np.mean  # five times as fast
        drawn = np.empty(_DRAWS)
        for number in range(_DRAWS):
            chosen = pairs[random.integers(seeds, size=seeds)]
            drawn[number] = average(chosen[:, random.integers(count, size=count)])
        draws.append(drawn)
    low, high = np.quantile(np.mean(draws, axis=0), [0.025, 0.975])
    return Gain(float(np.mean(means)), float(low), float(high))


def _differences(
    images: Sequence[ImageRow], data: str, loss: str, metric: str
) -> NDArray[np.float64] | None:
    """``(seeds, images)`` points above cross-entropy, for the seeds that both have."""
    scores = {
        (row.loss, row.seed, row.image): float(getattr(row, metric))
        for row in images
        if row.data == data and row.loss in ("ce", loss)
    }
    names = sorted({image for _, _, image in scores})
    seeds = sorted(
        {seed for one, seed, _ in scores if one == loss}
        & {seed for one, seed, _ in scores if one == "ce"}
    )
    if not seeds:
        return None
    return np.array(
        [[scores[loss, seed, one] - scores["ce", seed, one] for one in names] for seed in seeds]
    )


def print_tables(folder: Path) -> None:
    """Print a table a data set, the ranks over all of them, and the answer to the question."""
    runs, images = read_runs(folder), read_images(folder)
    found = list(dict.fromkeys(row.data for row in runs))
    for data in found:
        _print_scores([row for row in runs if row.data == data], images)
    _print_ranks(runs, found)
    _print_gains(images, found)


def _print_scores(runs: list[RunRow], images: list[ImageRow]) -> None:
    data = runs[0].data
    shown = [name for name in _SHOWN if not np.isnan([getattr(row, name) for row in runs]).all()]
    print(f"\n## {data}\n")
    print("| loss | seeds |", *(f"{name.replace('_', ' ')} |" for name in shown), end="")
    print(" boundary IoU above CE, 95 % |\n| --- | ---: |", *("---: |" for _ in shown), "---: |")
    for loss in LOSSES:
        mine = [row for row in runs if row.loss == loss]
        if not mine:
            continue
        cells = []
        for name in shown:
            values = np.array([getattr(row, name) for row in mine], float)
            digits = 2 if name == "threshold" else 1
            several = len(values) > 1 and np.isfinite(values).all()
            spread = f" ± {values.std(ddof=1):.{digits}f}" if several else ""
            cells.append(f"{values.mean():.{digits}f}{spread}")
        above = gain(images, [data], loss, "boundary_iou") if loss != "ce" else None
        print(f"| `{loss}` | {len(mine)} | {' | '.join(cells)} | {above or ''} |")


def _print_ranks(runs: list[RunRow], data: list[str]) -> None:
    """Print the mean rank over data sets among the losses that were tried on all of them."""
    tried = [
        loss
        for loss in LOSSES
        if all(any(row.data == name and row.loss == loss for row in runs) for name in data)
    ]
    metrics = [name for name in _SHOWN if name not in ("threshold", "cldice")]
    ranks = np.array([[_ranks(runs, name, tried, metric) for name in data] for metric in metrics])
    mean = ranks.mean(axis=1)
    print(f"\n## Mean rank over {', '.join(data)} (1 is best of {len(tried)})\n")
    print("| loss |", *(f"{name.replace('_', ' ')} |" for name in metrics))
    print("| --- |", *("---: |" for _ in metrics))
    for place in np.argsort(mean[metrics.index("boundary_iou")], kind="stable"):
        print(f"| `{tried[place]}` |", *(f"{value:.1f} |" for value in mean[:, place]))


def _ranks(runs: list[RunRow], data: str, losses: list[str], metric: str) -> NDArray[np.float64]:
    means = np.array(
        [
            np.mean([getattr(row, metric) for row in runs if (row.data, row.loss) == (data, loss)])
            for loss in losses
        ]
    )
    order = means if metric in _SMALL_IS_GOOD else -means
    return np.array([(order < one).sum() + ((order == one).sum() + 1) / 2 for one in order])


def _print_gains(images: list[ImageRow], data: list[str]) -> None:
    print(f"\n## Points above cross-entropy, mean over {', '.join(data)}\n")
    print("| loss | boundary IoU | mean IoU |\n| --- | ---: | ---: |")
    for loss in LOSSES:
        border = gain(images, data, loss, "boundary_iou") if loss != "ce" else None
        region = gain(images, data, loss, "mean_iou") if loss != "ce" else None
        if border and region:
            print(f"| `{loss}` | {border} | {region} |")
