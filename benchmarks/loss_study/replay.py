"""What early dropping would have saved, and cost, in runs that were all made to their end."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from tilesegm.comparison.dropping import rungs_of, survivors

__all__ = ["Curves", "Replay", "print_replays", "read_curves", "replay"]

Curves = Mapping[str, Mapping[int, Mapping[int, float]]]
"""Score of validation images by loss, seed and epoch."""


@dataclass(frozen=True)
class Replay:
    """One data set at one length."""

    share: float
    """Steps that were made, of those of all runs to their end."""
    chosen: str
    """Loss with the highest validation score among those that are left."""
    best: str
    """Loss with the highest test score of all."""
    dropped_best: bool
    behind: float
    """Points of the test score by which the chosen one is behind the best."""


def read_curves(folder: Path) -> dict[tuple[str, int], tuple[Curves, Mapping[str, float]]]:
    """Read looks and test scores, both (boundary IoU + mean IoU) / 2, by data set and steps.

    Losses count with the seeds that all of them have.
    """
    tests: dict[tuple[str, int], dict[str, dict[int, float]]] = {}
    looks: dict[tuple[str, int], dict[str, dict[int, dict[int, float]]]] = {}
    for line in _lines(folder / "runs.csv"):
        key = line["data"], int(line["steps"])
        tests.setdefault(key, {}).setdefault(line["loss"], {})[int(line["seed"])] = _score(line)
    for line in _lines(folder / "looks.csv"):
        key = line["data"], int(line["steps"])
        seeds = looks.setdefault(key, {}).setdefault(line["loss"], {})
        seeds.setdefault(int(line["seed"]), {})[int(line["epoch"])] = _score(line)
    found = {}
    for key, losses in sorted(tests.items()):
        common = sorted(set.intersection(*(set(seeds) for seeds in losses.values())))
        curves = {loss: {seed: looks[key][loss][seed] for seed in common} for loss in losses}
        found[key] = (
            curves,
            {loss: mean(seeds[seed] for seed in common) for loss, seeds in losses.items()},
        )
    return found


def replay(curves: Curves, tests: Mapping[str, float]) -> Replay:
    """Drop as a comparison would have."""
    epochs = max(epoch for seeds in curves.values() for seed in seeds.values() for epoch in seed)
    live, before, made = list(curves), 0, 0
    for rung in rungs_of(epochs, len(curves)):
        made += len(live) * (rung - before)
        before = rung
        scores = {loss: [seed[rung] for seed in curves[loss].values()] for loss in live}
        ranked = survivors(scores)
        live = ranked if rung < epochs else live
    best = max(tests, key=lambda loss: tests[loss])
    return Replay(
        share=made / (epochs * len(curves)),
        chosen=ranked[0],
        best=best,
        dropped_best=best not in live,
        behind=tests[best] - tests[ranked[0]],
    )


def print_replays(folder: Path) -> None:
    """Print a line a data set and length, and how choices of the short runs do in long ones."""
    found = read_curves(folder)
    print(
        "| data | steps | losses x seeds | steps made | chosen | best of all runs | "
        "best dropped | points behind |"
    )
    print("| --- | ---: | --- | ---: | --- | --- | --- | ---: |")
    chosen = {}
    for (data, steps), (curves, tests) in found.items():
        one = replay(curves, tests)
        chosen[data, steps] = one
        seeds = len(next(iter(curves.values())))
        print(
            f"| {data} | {steps} | {len(curves)} x {seeds} | {100 * one.share:.0f} % | "
            f"`{one.chosen}` | `{one.best}` | {'yes' if one.dropped_best else 'no'} | "
            f"{one.behind:.2f} |"
        )
    print("\n| data | chosen in short runs | steps of the long study | points behind there |")
    print("| --- | --- | ---: | ---: |")
    for data in dict.fromkeys(data for data, _ in found):
        short, long = (end(steps for name, steps in found if name == data) for end in (min, max))
        one, tests = chosen[data, short], found[data, long][1]
        behind = max(tests.values()) - tests[one.chosen]
        print(
            f"| {data} | `{one.chosen}` | {100 * one.share * short / long:.0f} % | {behind:.2f} |"
        )


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _score(line: Mapping[str, str]) -> float:
    return (float(line["mean_iou"]) + float(line["boundary_iou"])) / 2
