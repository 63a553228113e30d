"""Computes small networks on the backend of ``KERAS_BACKEND``; run by ``test_backends``.

Takes a folder: reads ``pixels.npy`` and each ``*.keras``, writes scores of each to ``scores.npz``,
and trains the one with interpolation for a step, compiled where the backend can.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

import tilesegm  # noqa: F401  Nothing else makes the layers known.


def main(folder: Path) -> None:
    pixels = np.load(folder / "pixels.npy")
    scores = {}
    for path in sorted(folder.glob("*.keras")):
        model = keras.saving.load_model(path)
        scores[path.stem] = model.predict_on_batch(pixels)
    np.savez(folder / "scores.npz", **scores)
    # Torch's compiler is a toolchain of its own.
    model.compile("adam", "mse", jit_compile=keras.backend.backend() != "torch")
    target = np.zeros_like(scores[path.stem])
    losses = [float(model.train_on_batch(pixels, target)) for _ in range(8)]
    assert losses[-1] < losses[0], losses


if __name__ == "__main__":
    main(Path(sys.argv[1]))
