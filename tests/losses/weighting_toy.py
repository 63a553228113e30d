"""A network of one number and losses of it, so that every rule has an answer known by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tilesegm.losses.base import SegmentationLoss

X = np.ones((4, 2, 2, 1), "float32")
Y = np.zeros((4, 2, 2), "uint8")


@keras.saving.register_keras_serializable(package="tilesegm-tests")
class Parabola(SegmentationLoss):
    """``scale * (w - centre) ** 2 + offset`` for scores that are w everywhere."""

    def __init__(
        self, scale: float = 1.0, centre: float = 0.0, offset: float = 0.0, **common: Any
    ) -> None:
        super().__init__(**common)
        self.own = {"scale": scale, "centre": centre, "offset": offset}
        self.minimum = min(offset, 0.0)

    def compute(self, batch: Any) -> Any:
        distance = ops.mean(ops.square(batch.scores - self.own["centre"]))
        return self.own["scale"] * distance + self.own["offset"]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.own}


def number(w: float = 2.0, *, trainable: bool = True) -> keras.Model:
    """A network whose scores are its only weight, w."""
    layer = keras.layers.Conv2D(
        1,
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(w),
        name="number",
        trainable=trainable,
    )
    return keras.Sequential([keras.Input((2, 2, 1)), layer])
