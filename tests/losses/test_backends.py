"""The same value and gradient of every loss on TensorFlow, JAX and Torch, eager and compiled."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.losses.scenes import IGNORE, NAMES, tiles
from tilesegm.losses import get
from tilesegm.losses.gradients import differentiate

MODULES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


@pytest.fixture(scope="module", params=MODULES)
def computed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[np.ndarray, np.ndarray]:
    """Values ``(36,)`` and joined gradients of one backend, from a process of its own."""
    backend = request.param
    if importlib.util.find_spec(MODULES[backend]) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path_factory.mktemp(backend) / "results.npz"
    done = subprocess.run(
        [sys.executable, "-m", "tests.losses.backend_probe", str(path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as results:
        return results["values"], results["gradients"]


@pytest.fixture(scope="module")
def expected() -> dict[str, tuple[float, np.ndarray]]:
    """Value and gradient of each loss on the backend of this process, not compiled."""
    answers = {}
    for name in NAMES:
        scene, loss = tiles(name).with_hole(), get(name, ignore=IGNORE)

        def function(y_pred: object, scene: object = scene, loss: object = loss) -> object:
            return loss(scene.labels, y_pred, scene.weight)

        answers[name] = differentiate(function)(scene.logits)
    return answers


@pytest.mark.slow
def test_backends_agree(
    computed: tuple[np.ndarray, np.ndarray], expected: dict[str, tuple[float, np.ndarray]]
) -> None:
    values, gradients = computed
    start = 0
    for name, value in zip(NAMES, values, strict=True):
        exact, gradient = expected[name]
        part = gradients[start : start + gradient.size].reshape(gradient.shape)
        start += gradient.size
        assert value == pytest.approx(exact, rel=1e-5, abs=1e-5), name
        np.testing.assert_allclose(part, gradient, atol=1e-5, err_msg=name)
