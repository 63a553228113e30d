"""Small networks that tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

__all__ = ["conv_net", "encoder_decoder", "image", "pointwise", "randomise", "wrap"]


def image(bands: int = 3) -> Any:
    """Return a symbolic image of any size."""
    return keras.Input((None, None, bands))


def wrap(build: Callable[[Any], Any], bands: int = 3) -> keras.Model:
    """Return the model whose output is ``build(image)``."""
    inputs = image(bands)
    return keras.Model(inputs, build(inputs))


def pointwise(bands: int = 3, classes: int = 4, activation: str | None = None) -> keras.Model:
    """Return one 1 x 1 convolution."""
    return wrap(layers.Conv2D(classes, 1, activation=activation), bands)


def conv_net(*kernels: int, classes: int = 2) -> keras.Model:
    """Return a chain of convolutions."""
    inputs = x = image()
    for kernel in kernels:
        x = layers.Conv2D(4, kernel, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(classes, 1)(x))


def encoder_decoder(
    depth: int, up: Callable[[int], Any], filters: int = 2, convolutions: int = 2
) -> keras.Model:
    """Return a U-Net whose decoder goes up with ``up(filters)``."""
    inputs = x = image(1)
    skips = []
    for _ in range(depth):
        x = _level(x, filters, convolutions)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = _level(x, filters, convolutions)
    for skip in reversed(skips):
        x = layers.Concatenate()([up(filters)(x), skip])
        x = _level(x, filters, convolutions)
    return keras.Model(inputs, layers.Conv2D(2, 1)(x))


def randomise(model: keras.Model, seed: int = 0) -> keras.Model:
    """Give the model positive weights that sum to about one for each output, and return it.

    All paths of a network of positive weights and rectifiers carry signal, so a probe sees all of
    its receptive field.
    """
    random = np.random.default_rng(seed)
    model.set_weights(
        [
            (random.uniform(0.5, 1.5, value.shape) / max(np.prod(value.shape[:-1]), 1)).astype(
                np.float32
            )
            for value in model.get_weights()
        ]
    )
    return model


def _level(x: Any, filters: int, convolutions: int) -> Any:
    for _ in range(convolutions):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return x
