"""Terminals, files and pipes of any encoding, and environments of any kind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.images import GEO, blobs, write


def run(folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as a user's shell does, with a pipe on either stream."""
    return subprocess.run(
        [sys.executable, "-m", "tilesegm", *map(str, words)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_any_terminal_takes_any_name(tmp_path: Path, encoding: str) -> None:
    write(tmp_path / "影 Straße.tif", blobs(40, 60), **GEO)
    done = run(tmp_path, "info", "影 Straße.tif", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "影" in done.stdout.decode(encoding) if encoding == "utf-8" else b"?" in done.stdout
    refused = run(tmp_path, "info", "欠.tif", PYTHONIOENCODING=encoding)
    assert refused.returncode == 2
    assert refused.stderr.startswith(b"tilesegm: ")
    assert refused.stderr.count(b"\n") == 1


def test_tables_of_other_alphabets_and_no_chatter_of_tensorflow(
    tmp_path: Path, models: Path
) -> None:
    write(tmp_path / "影.tif", blobs(64, 64), **GEO)
    write(tmp_path / "真.tif", np.zeros((64, 64, 1), np.uint8), **GEO)
    loud = {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONIOENCODING": "cp1252"}
    done = run(tmp_path, "predict", "影.tif", "-m", models / "b3.keras", "-o", "図.tif", **loud)
    assert (done.returncode, done.stderr) == (0, b"")
    done = run(tmp_path, "evaluate", "図.tif", "真.tif", "--classes", "水,Wald,✈,d", **loud)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Wald" in done.stdout
