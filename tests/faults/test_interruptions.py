"""Kills and full disks before any file operation lose nothing; see `interruptions`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.interruptions import FAULTS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def interrupt(folder: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.interruptions", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        check=False,
    )
    assert done.stdout, done.stderr[-2000:]
    tally: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(tally)
    assert not tally["wrong"], "\n".join(tally["wrong"][:20])
    assert tally["refused"] == 0
    return tally


@pytest.mark.parametrize(
    "words",
    [
        ("kill", "out.tif", "--every", "300", "--last", "6"),
        ("full", "out.tif", "--every", "300", "--last", "4"),
        # The last steps replace a folder by another, which takes several.
        pytest.param(
            ("kill-replacing", "out.zarr", "--every", "9999", "--last", "2"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=" ".join,
)
def test_some_operations(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert interrupt(tmp_path, *words)["right"] > 2


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out.tif", "out.zarr"])
@pytest.mark.parametrize("fault", FAULTS)
def test_many_operations(tmp_path: Path, fault: str, output: str) -> None:
    assert interrupt(tmp_path, fault, output, "--every", "20")["right"] > 50
