"""Fixtures for every test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images beside the project; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"real images are not here: {SHARED} does not exist")
    return SHARED


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Forget after a test what holds for the whole process: ``--trust``, and determinism."""
    kept = os.environ.pop("TILESEGM_TRUST", None)
    yield
    os.environ.pop("TILESEGM_TRUST", None)
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import config

        config.disable_op_determinism()
    if kept is not None:
        os.environ["TILESEGM_TRUST"] = kept
