"""Does the advice hold for data that it was not made from? Data sets are left out in turn.

Run: python -m benchmarks.advice record benchmarks/loss_study/results{,/two_budgets}
Run: python -m benchmarks.advice check DATA

`record` writes `tilesegm/advice/study.csv` anew: means over the seeds of the study's rows. `check`
measures the facts of the four data sets in DATA (nuclei as `benchmarks.loss_study prepare` makes
them), and for each makes the rule from the other three alone: a threshold on the share of thin
structures, and the three losses with the greatest mean gain on its side of that threshold. It is
the threshold with the greatest gain of the best loss of each side (`gain`), or that beyond which a
loss for centre lines won (`winner`).
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import tilesegm.advice.study
from benchmarks.loss_study.rows import read_runs
from benchmarks.loss_study.study import DATASETS, study_config
from tilesegm.advice import advise
from tilesegm.advice.rules import THIN_SHARE, thin_share
from tilesegm.advice.study import Row, rows

_TABLE = Path(tilesegm.advice.study.__file__).with_name("study.csv")
_THIN = ("dice_ce_skeleton", "dice_ce_cldice")
"""Losses of the study for centre lines; they were not run on other data."""
_SHARED = ("ce", "focal", "dice_ce", "lovasz_ce", "border_ce", "border_pyramid", *_THIN[:1])
"""Losses that were run on all data sets, as far as they suit them, at both budgets."""


def record(folders: Sequence[Path]) -> None:
    """Write the table of means over seeds; of data sets in several folders the first counts."""
    table: list[Row] = []
    for folder in folders:
        runs: dict[tuple[str, str, int], dict[int, tuple[float, float]]] = defaultdict(dict)
        for row in read_runs(folder):
            runs[row.data, row.loss, row.steps][row.seed] = row.mean_iou, row.boundary_iou
        known = {(row.data, row.steps) for row in table}
        table += [
            _mean(key, seeds, runs[key[0], "ce", key[2]])
            for key, seeds in runs.items()
            if (key[0], key[2]) not in known
        ]
    table.sort(key=lambda row: (row.steps, DATASETS.index(row.data)))
    with _TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(table[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, table))


def _mean(
    key: tuple[str, str, int],
    seeds: dict[int, tuple[float, float]],
    plain: dict[int, tuple[float, float]],
) -> Row:
    data, loss, steps = key
    both = [seed for seed in seeds if seed in plain]
    gains = [(sum(seeds[seed]) - sum(plain[seed])) / 2 for seed in both]
    return Row(
        data=data,
        loss=loss,
        steps=steps,
        seeds=len(both),
        mean_iou=round(statistics.mean(seeds[seed][0] for seed in both), 2),
        boundary_iou=round(statistics.mean(seeds[seed][1] for seed in both), 2),
        gain=round(statistics.mean(gains), 2),
        spread=round(statistics.stdev(gains), 2) if len(gains) > 1 else 0.0,
    )


def check(root: Path) -> None:
    """Print for each data set and budget the advice of the others, and the best loss."""
    shares, advised = {}, {}
    for data in DATASETS:
        advice = advise(study_config(data, root))
        shares[data] = thin_share(advice.facts)
        advised[data] = [each.name for each in advice.candidates]
        print(f"{data}: {shares[data]:.0%} of structures are thin")
    for steps in sorted({row.steps for row in rows()}):
        table = [row for row in rows() if row.steps == steps and row.loss in _SHARED]
        best = {row.data: row for row in sorted(table, key=lambda row: row.gain)}
        ways = {"gain": derive, "winner": derive_by_winner}
        right = dict.fromkeys([*ways, "tilesegm"], 0)
        for data in DATASETS:
            others = [row for row in table if row.data != data]
            print(f"{steps} steps, {data}: best {best[data].loss} ({best[data].gain:+.1f})")
            for way, made in ways.items():
                threshold, three = made(others, shares, data)
                right[way] += best[data].loss in three
                print(f"  left out, by {way}: above {threshold:.2f} thin; {', '.join(three)}")
            right["tilesegm"] += best[data].loss in advised[data]
            print(f"  tilesegm: above {THIN_SHARE} thin; {', '.join(advised[data])}")
        for way, count in right.items():
            print(f"{steps} steps: {way} has the best loss in {count} of {len(DATASETS)}")


def derive(table: list[Row], shares: dict[str, float], data: str) -> tuple[float, list[str]]:
    """Make the rule from a table that lacks a data set, and apply it to that data set.

    Returns:
        The threshold on the share of thin structures, and three losses, best first.
    """
    known = sorted({shares[row.data] for row in table})
    # A threshold that leaves all on one side is one of the choices.
    choices = [-math.inf, *((low + high) / 2 for low, high in pairwise(known))]
    threshold = max(choices, key=lambda choice: _worth(table, shares, choice))
    side = shares[data] > threshold
    return threshold, _ranked([row for row in table if (shares[row.data] > threshold) == side])[:3]


def _worth(table: list[Row], shares: dict[str, float], threshold: float) -> float:
    """Return the gain, summed over data sets, of the best loss on each side of a threshold."""
    total = 0.0
    for side in (True, False):
        rows_of = [row for row in table if (shares[row.data] > threshold) == side]
        if rows_of:
            best = _ranked(rows_of)[0]
            total += sum(row.gain for row in rows_of if row.loss == best)
    return total


def _ranked(table: list[Row]) -> list[str]:
    """Return losses by their mean gain over the data sets that all of them were run on, or some."""
    gains: dict[str, list[float]] = defaultdict(list)
    for row in table:
        gains[row.loss].append(row.gain)
    return sorted(gains, key=lambda loss: -statistics.mean(gains[loss]))


def derive_by_winner(
    table: list[Row], shares: dict[str, float], data: str
) -> tuple[float, list[str]]:
    """Do the same with the threshold that parts data sets on which a loss for centre lines won."""
    best = {row.data: row for row in sorted(table, key=lambda row: row.gain)}
    thin = [shares[name] for name, row in best.items() if row.loss in _THIN]
    other = [shares[name] for name, row in best.items() if row.loss not in _THIN]
    # Without an example of one kind there is no reason to part them.
    threshold = (min(thin) + max(other)) / 2 if thin and other else -math.inf
    side = shares[data] > threshold
    return threshold, _ranked([row for row in table if (shares[row.data] > threshold) == side])[:3]


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["record", "check"])
    parser.add_argument("folders", type=Path, nargs="+", help="rows to record; data to check")
    given = parser.parse_args()
    if given.what == "record":
        record(given.folders)
    else:
        check(given.folders[0])


if __name__ == "__main__":
    main()
