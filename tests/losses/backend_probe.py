"""Computes every loss on the backend of ``KERAS_BACKEND``; run by ``test_backends``.

Writes to the file named by its argument, for each loss: its value, its gradient, and both again
from a graph that XLA compiled.
"""

from __future__ import annotations

import sys

import numpy as np

from tests.losses.scenes import IGNORE, NAMES, tiles
from tilesegm.losses import get
from tilesegm.losses.gradients import differentiate


def main(path: str) -> None:
    results = {}
    for name in NAMES:
        scene, loss = tiles(name).with_hole(), get(name, ignore=IGNORE)

        def function(y_pred: object, scene: object = scene, loss: object = loss) -> object:
            return loss(scene.labels, y_pred, scene.weight)

        for way in ("eager", "compiled"):
            value, gradient = differentiate(function, compiled=way == "compiled")(scene.logits)
            results[f"{name} {way} value"] = np.float32(value)
            results[f"{name} {way} gradient"] = gradient
    np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
