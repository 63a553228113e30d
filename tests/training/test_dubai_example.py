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
    sample = dubai.read_tile(shared_data / "dubai", tile)
    assert sample.image.shape == (height, width, 3)
    assert set(np.unique(sample.labels)) == {0, 1, 2, 3, 4, 255}
    assert (sample.labels == 255).mean() == pytest.approx(unlabelled, abs=1e-4)


def test_what_is_held_out_is_not_learnt_from(dubai: ModuleType) -> None:
    labels = np.arange(90, dtype=np.uint8).reshape(9, 10) % 5
    sample = dubai.Sample(np.zeros((9, 10, 3), np.uint8), labels)
    rest, held_out = dubai.hold_out(sample, 5)
    assert held_out.labels.shape == (3, 4)
    np.testing.assert_array_equal(held_out.labels, labels[3:6, 6:])
    assert (rest.labels[3:6, 6:] == 255).all()
    assert (rest.labels == 255).sum() == 12
    np.testing.assert_array_equal(labels, np.arange(90).reshape(9, 10) % 5)
