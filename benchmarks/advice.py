"""Does the advice hold for data that it was not made from? Data sets are left out in turn.

Run: python -m benchmarks.advice record benchmarks/loss_study/results
Run: python -m benchmarks.advice check

`record` writes the means over seeds of the study's rows to `tilesegm/advice/study.csv`.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections import defaultdict
from pathlib import Path

import tilesegm.advice.study

_TABLE = Path(tilesegm.advice.study.__file__).with_name("study.csv")


def record(folder: Path, steps: int) -> None:
    """Write means over seeds; rows of other numbers of steps stay."""
    runs: dict[tuple[str, str, int], dict[int, tuple[float, float]]] = defaultdict(dict)
    with (folder / "runs.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            key = line["data"], line["loss"], int(line.get("steps") or steps)
            runs[key][int(line["seed"])] = float(line["mean_iou"]), float(line["boundary_iou"])
    new = [_row(key, seeds, runs) for key, seeds in runs.items()]
    kept = [
        row.__dict__
        for row in (tilesegm.advice.study.rows() if _TABLE.exists() else ())
        if (row.data, row.loss, row.steps) not in runs
    ]
    with _TABLE.open("w", newline="") as file:
        table = csv.DictWriter(file, list(new[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(sorted(kept + new, key=lambda row: (row["steps"], row["data"])))


def _row(key, seeds, runs):
    data, loss, steps = key
    plain = runs[data, "ce", steps]
    gains = [(sum(seeds[n]) - sum(plain[n])) / 2 for n in seeds if n in plain]
    return {
        "data": data,
        "loss": loss,
        "steps": steps,
        "seeds": len(seeds),
        "mean_iou": round(statistics.mean(a for a, _ in seeds.values()), 2),
        "boundary_iou": round(statistics.mean(b for _, b in seeds.values()), 2),
        "gain": round(statistics.mean(gains), 2),
        "spread": round(statistics.stdev(gains), 2) if len(gains) > 1 else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["record", "check"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args()
    if given.what == "record":
        record(given.folder, given.steps)


if __name__ == "__main__":
    main()
