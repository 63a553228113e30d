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
    # One weighted sum of all: each loss sees its own slice of the point, so the gradient holds
    # those of all; and what it says about a factor is the value of that loss.
    sizes = [scenes[name].logits.size for name in NAMES]
    starts = np.cumsum([0, *sizes])

    def total(point: object) -> object:
        values = []
        for name, start, size in zip(NAMES, starts, sizes, strict=False):
            scene = scenes[name]
            logits = keras.ops.reshape(point[start : start + size], scene.logits.shape)
            values.append(losses[name](scene.labels, logits, scene.weight))
        return keras.ops.sum(point[starts[-1] :] * keras.ops.stack(values))

    logits = [scenes[name].logits.ravel() for name in NAMES]
    point = np.concatenate([*logits, np.ones(len(NAMES), np.float32)])
    _, gradient = differentiate(total, compiled=True)(point)
    np.savez(path, values=gradient[starts[-1] :], gradients=gradient[: starts[-1]])


if __name__ == "__main__":
    main(sys.argv[1])
