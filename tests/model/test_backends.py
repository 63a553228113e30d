"""The same predictor on every Keras backend that is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.model.networks import encoder_decoder
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.open import open_model

_CODE = """
import sys
import numpy as np
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.open import open_model
model, tiles, out = sys.argv[1:]
tiles = np.load(tiles)
predictor = open_model(model, normalisation=Normalisation((100.0,), (0.01,)))
scores = [predictor(tiles.astype(t)) for t in ("uint8", "uint16", "int32", "uint32", "float64")]
assert all(s.flags.c_contiguous and s.dtype == np.float32 for s in scores)
rough = open_model(model, precision="bfloat16")(tiles)
np.savez(out, scores=np.stack(scores), rough=rough)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    from keras import layers

    model = encoder_decoder(2, lambda filters: layers.Conv2DTranspose(filters, 2, strides=2))
    model.save(tmp_path / "net.keras")
    tiles = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 1)).astype(np.uint8)
    np.save(tmp_path / "tiles.npy", tiles)
    arguments = [str(tmp_path / name) for name in ("net.keras", "tiles.npy", "out.npz")]
    subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
        capture_output=True,
    )
    found = np.load(tmp_path / "out.npz")
    expected = open_model(model, normalisation=Normalisation((100.0,), (0.01,)))(tiles)
    for scores in found["scores"]:
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    assert found["rough"].shape == expected.shape
