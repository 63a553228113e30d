"""The example on real data reads what it should; its half hour of training is not a test."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def dubai() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "dubai.py"
    spec = importlib.util.spec_from_file_location("dubai_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("tile", "height", "width", "unlabelled"),
    [(1, 1931, 2391, 0.0087), (2, 1632, 1528, 0.0232), (3, 1974, 2046, 0.0263)],
)
def test_tiles_are_joined_and_labelled(
    dubai: ModuleType, shared_data: Path, tile: int, height: int, width: int, unlabelled: float
) -> None:
    image, labels = dubai.read_tile(shared_data / "dubai", tile)
    assert image.shape == (height, width, 3)
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4, 255}
    assert (labels == 255).mean() == pytest.approx(unlabelled, abs=1e-4)
