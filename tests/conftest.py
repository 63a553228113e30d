"""Fixtures for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images beside the project; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"real images are not here: {SHARED} does not exist")
    return SHARED
