"""Runs that are killed, or meet a full disk, before the n-th of their file operations.

    python -m tests.faults.interruptions FAULT OUTPUT [--every N] [--last N]

Each attempt is a child of a process that has imported everything and started no thread.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.operations import before_each
from tests.faults.tally import Tally
from tests.faults.tiny_run import Outcome, TinyRun, tiny

__all__ = ["interrupt"]

_TIMEOUT = 60  # seconds; no attempt takes more than one

FAULTS = {
    "kill": "killed before the n-th file operation",
    "kill-replacing": "killed before the n-th file operation, while an older result is replaced",
    "kill-resumed": "killed before the n-th file operation of a run that goes on",
    "full": "the disk is full from the n-th file operation on",
}


def interrupt(base: Path, fault: str, output: str, every: int = 1, last: int = 24) -> Tally:
    """Interrupt a run before every n-th operation, and the last ones; let it go on, and compare.

    Args:
        base: folder to work in.
        fault: one of ``FAULTS``.
        output: name of the output.
        every: the n.
        last: how many of the last operations are tried in any case.
    """
    run, tally = TinyRun(base, output), Tally(f"{FAULTS[fault]} ({Path(output).suffix})")
    expected = in_child(run.expected)
    states = {
        "kill-replacing": lambda: expected | {k: v[:-1] for k, v in expected.items()},
        "kill-resumed": lambda: in_child(lambda: run.interrupted(2)),
    }
    state = states.get(fault, dict)()
    overwrite = fault == "kill-replacing"
    run.restore(state)
    operations = in_child(lambda: list_operations(run, overwrite))
    numbers = range(1, len(operations) + 1)
    for number in sorted({*numbers[::every], *numbers[-last:]}):
        run.restore(state)
        what = f"{number} of {len(operations)}: {' '.join(operations[number - 1])}"
        first = in_child(lambda n=number: suffer(run, fault, n, overwrite))
        if fault == "full" and first is not None and first.against(expected) != "right":
            kind = first.against(expected)
            if kind != "clear error" or "No space" not in str(first.error):
                tally.count(what, f"said on the full disk: {first.error!r}")
                continue
        again = in_child(lambda: run.start(overwrite=overwrite))
        kind = again.against(expected) if again else "did not end"
        tally.count(what, f"{again.error}" if kind == "clear error" else kind)
    return tally


def list_operations(run: TinyRun, overwrite: bool) -> list[tuple[str, str]]:
    """Run undisturbed, and return kind and path of every operation."""
    seen: list[tuple[str, str]] = []
    before_each(run.folder, lambda number, kind, path: seen.append((kind, path)))
    outcome = run.start(overwrite=overwrite)
    assert outcome.error is None, outcome.error
    return seen


def suffer(run: TinyRun, fault: str, number: int, overwrite: bool) -> Outcome:
    """Run until the fault, and beyond where there is something beyond."""

    def act(now: int, kind: str, path: str) -> None:
        if now >= number and fault == "full":
            if kind in ("open", "mkdir", "rename", "write", "fsync"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif now == number:
            os._exit(9)

    before_each(run.folder, act)
    return run.start(overwrite=overwrite)


def in_child(work: Callable[[], Any]) -> Any:
    """Call in a child process, and return what it returned; None where it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.alarm(_TIMEOUT)
        try:
            result = work()
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(result, pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data) if data else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("output")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--last", type=int, default=24)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tilesegm-faults-") as folder, tiny():
        tally = interrupt(Path(folder), asked.fault, asked.output, asked.every, asked.last)
    print(json.dumps(asdict(tally)))
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    main()
