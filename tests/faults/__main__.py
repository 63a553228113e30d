"""Tries faults of every kind, and prints what came of them as a table.

python -m tests.faults [--flips 2000] [--every 1] [--operations 20]

The exit status is 1 when something went wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults.checkpoints import checkpoints
from tests.faults.damage import chunks, flips, journals, run_files
from tests.faults.interruptions import FAULTS
from tests.faults.tally import Tally
from tests.faults.tiny_run import tiny


def tallies(base: Path, asked: argparse.Namespace) -> Iterator[Tally]:
    """Try faults kind by kind."""
    for fault in FAULTS:
        for output in ("out.tif", "out.zarr"):
            words = [fault, output, "--every", str(asked.operations)]
            command = [sys.executable, "-m", "tests.faults.interruptions", *words]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            yield Tally(**json.loads(done.stdout.splitlines()[-1]))
    with tiny():
        yield flips(base, asked.flips)
        yield chunks(base, asked.every)
        yield journals(base, asked.every)
        yield run_files(base, asked.every)
        yield checkpoints(base, asked.flips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=2000, help="bits to flip")
    parser.add_argument("--every", type=int, default=1, help="try every n-th damage")
    parser.add_argument("--operations", type=int, default=20, help="try every n-th operation")
    asked = parser.parse_args()
    wrong = 0
    print("| fault | tried | right | clear error | wrong |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="tilesegm-faults-") as folder:
        for tally in tallies(Path(folder), asked):
            print(tally.row(), flush=True)
            print(*tally.wrong, sep="\n", end="" if not tally.wrong else "\n", file=sys.stderr)
            wrong += len(tally.wrong)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
