"""Computes every loss on the backend of ``KERAS_BACKEND``; run by ``test_backends``.

Writes value and gradient of each loss to the file named by its argument. TensorFlow and JAX go
through one graph that XLA compiles for all losses together, Torch is eager.
"""

from __future__ import annotations

import sys

import keras
import numpy as np

from tests.losses.scenes import IGNORE, NAMES, tiles
from tilesegm.losses import get
from tilesegm.losses.gradients import differentiate


def main(path: str) -> None:
    scenes = {name: tiles(name).with_hole() for name in NAMES}
    losses = {name: get(name, ignore=IGNORE) for name in NAMES}
    # Each loss sees a slice of its own, so one gradient holds those of all.
    sizes = [scenes[name].logits.size for name in NAMES]
    starts = np.cumsum([0, *sizes])

    def values(flat: object) -> object:
        parts = []
        for name, start, size in zip(NAMES, starts, sizes, strict=False):
            scene = scenes[name]
            logits = keras.ops.reshape(flat[start : start + size], scene.logits.shape)
            parts.append(losses[name](scene.labels, logits, scene.weight))
        return keras.ops.stack(parts)

    flat = np.concatenate([scenes[name].logits.ravel() for name in NAMES])
    _, gradients = differentiate(lambda x: keras.ops.sum(values(x)), compiled=True)(flat)
    # The value of each is the gradient of its own factor in a weighted sum.
    point = keras.ops.convert_to_tensor(flat)
    factors = np.ones(len(NAMES), np.float32)
    _, each = differentiate(lambda f: keras.ops.sum(f * values(point)), compiled=True)(factors)
    np.savez(path, values=each, gradients=gradients)


if __name__ == "__main__":
    main(sys.argv[1])
