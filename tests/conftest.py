"""Fixtures for every test."""

from __future__ import annotations

import os
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
def no_trust() -> Iterator[None]:
    """Forget after a test that it trusted files: ``--trust`` holds for the whole process."""
    kept = os.environ.pop("TILESEGM_TRUST", None)
    yield
    os.environ.pop("TILESEGM_TRUST", None)
    if kept is not None:
        os.environ["TILESEGM_TRUST"] = kept
