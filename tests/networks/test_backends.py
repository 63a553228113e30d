"""The same scores on TensorFlow, JAX and Torch, and a step of training on each."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tilesegm.networks.build import build
from tilesegm.networks.settings import EncoderSettings, ModelSettings

NETWORKS = {
    "encoder": ModelSettings(
        filters=4, depth=3, encoder=EncoderSettings("mobilenet_v3_small", weights=None)
    ),
    "nested": ModelSettings("unet++", filters=4, depth=2),
    # Last by name, so this one is trained: every layer of our own.
    "unet": ModelSettings(
        filters=4, depth=2, upsampling="bilinear", attention=True, aspp=(2,), residual=True
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_backends_agree(backend: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    pixels = np.random.default_rng(0).normal(size=(2, 32, 32, 2)).astype(np.float32)
    np.save(tmp_path / "pixels.npy", pixels)
    keras.utils.set_random_seed(0)
    expected = {}
    for name, settings in NETWORKS.items():
        model = build(settings, 2, 3)
        model.save(tmp_path / f"{name}.keras")
        expected[name] = model.predict_on_batch(pixels)
    done = subprocess.run(
        [sys.executable, "-m", "tests.networks.backend_probe", str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "scores.npz") as scores:
        for name, exact in expected.items():
            np.testing.assert_allclose(
                scores[name], exact, rtol=1e-4, atol=1e-4 * np.abs(exact).max(), err_msg=name
            )
