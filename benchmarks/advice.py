"""Does the advice hold for data that it was not made from? Data sets are left out in turn.

Run: python -m benchmarks.advice record benchmarks/loss_study/results
Run: python -m benchmarks.advice check DATA

`record` adds the means over seeds of the study's rows to `tilesegm/advice/study.csv`; rows that it
has stay. `check` measures the facts of the four data sets in DATA, and for each makes the rule from
the other three alone: the threshold on the share of thin structures that parts those on which a
loss for centre lines won from the others, and the three losses with the greatest mean gain on its
side of that threshold.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import tilesegm.advice.study
from benchmarks.loss_study.protocol import DATASETS, make_config
from tilesegm.advice import advise
from tilesegm.advice.rules import THIN_SHARE, thin_share
from tilesegm.advice.study import Row, rows

_TABLE = Path(tilesegm.advice.study.__file__).with_name("study.csv")
_THIN = ("dice_ce_skeleton", "dice_ce_cldice")
"""Losses of the study for centre lines; they were not run on other data."""
_SHARED = ("ce", "focal", "dice_ce", "lovasz_ce", "border_ce", "border_pyramid", *_THIN[:1])
"""Losses that were run on all data sets, as far as they suit them, at both budgets."""


def record(folder: Path, steps: int) -> None:
    """Add means over seeds to the table."""
    runs: dict[tuple[str, str, int], dict[int, tuple[float, float]]] = defaultdict(dict)
    with (folder / "runs.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            key = line["data"], line["loss"], int(line.get("steps") or steps)
            runs[key][int(line["seed"])] = float(line["mean_iou"]), float(line["boundary_iou"])
    have = rows() if _TABLE.exists() else ()
    known = {(row.data, row.steps) for row in have}
    new = [
        _mean(key, seeds, runs[key[0], "ce", key[2]])
        for key, seeds in runs.items()
        if (key[0], key[2]) not in known
    ]
    table = sorted([*have, *new], key=lambda row: (row.steps, [*DATASETS].index(row.data)))
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
    shares = {}
    with TemporaryDirectory() as run:
        for data in DATASETS:
            advice = advise(make_config(data, "ce", 0, Path(run) / data), folder=root)
            shares[data] = thin_share(advice.facts)
            print(f"{data}: {shares[data]:.0%} of structures are thin")
            print(f"  the rules of tilesegm: {', '.join(each.name for each in advice.candidates)}")
    for steps in sorted({row.steps for row in rows()}):
        right = 0
        for data in DATASETS:
            table = [row for row in rows() if row.steps == steps and row.loss in _SHARED]
            threshold, three = derive([row for row in table if row.data != data], shares, data)
            best = max((row for row in table if row.data == data), key=lambda row: row.gain)
            right += best.loss in three
            print(
                f"{steps} steps, {data} left out: threshold {threshold:.2f} (tilesegm: "
                f"{THIN_SHARE}), {', '.join(three)}; best {best.loss} ({best.gain:+.1f}): "
                f"{'yes' if best.loss in three else 'no'}"
            )
        print(f"{steps} steps: the best loss is among the three in {right} of {len(DATASETS)}")


def derive(table: list[Row], shares: dict[str, float], data: str) -> tuple[float, list[str]]:
    """Make the rule from a table that lacks a data set, and apply it to that data set.

    Returns:
        The threshold on the share of thin structures, and three losses, best first.
    """
    best = {
        row.data: max((r for r in table if r.data == row.data), key=lambda r: r.gain).loss
        for row in table
    }
    thin = [shares[name] for name, loss in best.items() if loss in _THIN]
    other = [shares[name] for name, loss in best.items() if loss not in _THIN]
    # Without an example of one kind there is no reason to part them.
    threshold = (min(thin) + max(other)) / 2 if thin and other else -math.inf
    alike = [row for row in table if (shares[row.data] > threshold) == (shares[data] > threshold)]
    gains: dict[str, list[float]] = defaultdict(list)
    for row in alike:
        gains[row.loss].append(row.gain)
    ranked = sorted(gains, key=lambda loss: -statistics.mean(gains[loss]))
    return threshold, ranked[:3]


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["record", "check"])
    parser.add_argument("folder", type=Path, help="rows to record; data sets to check")
    parser.add_argument("--steps", type=int, default=400, help="of rows that do not tell")
    given = parser.parse_args()
    if given.what == "record":
        record(given.folder, given.steps)
    else:
        check(given.folder)


if __name__ == "__main__":
    main()
