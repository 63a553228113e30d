"""The estimate of working memory, by hand."""

from __future__ import annotations

import math

import keras
from keras import layers

from tests.model.networks import image, pointwise, wrap
from tilesegm.model.memory import bytes_per_pixel


def _held(maps: int) -> int:
    """Add three fifths for what the backend holds beyond the maps."""
    return math.ceil(maps * 8 / 5)


def test_one_convolution() -> None:
    # Pixels 3 and scores 4, then scores twice more: 4 * (4 + 2 * 4).
    assert bytes_per_pixel(pointwise(3, 4), 4) == _held(4 * (4 + 8))


def test_the_widest_moment_counts() -> None:
    inputs = image(1)
    x = layers.Conv2D(32, 1)(inputs)
    x = layers.Conv2D(16, 1)(x)
    model = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    # While the second convolution runs, 32 and 16 maps are alive.
    assert bytes_per_pixel(model, 2) == _held(4 * (32 + 16))


def test_skips_stay_alive_and_pooling_shrinks() -> None:
    def build(x: object) -> object:
        skip = layers.Conv2D(8, 1)(x)
        low = layers.Conv2D(64, 1)(layers.MaxPooling2D()(skip))
        return layers.Concatenate()([layers.UpSampling2D()(low), skip])

    # At the end: 64 upsampled, 8 of the skip, and 72 joined.
    assert bytes_per_pixel(wrap(build), 1) == _held(4 * (64 + 8 + 72))


def test_vectors_cost_nothing() -> None:
    def build(x: object) -> object:
        weights = layers.Dense(1000)(layers.GlobalAveragePooling2D()(x))
        weights = layers.Dense(3)(weights)
        return layers.Multiply()([x, layers.Reshape((1, 1, 3))(weights)])

    assert bytes_per_pixel(wrap(build), 3) == _held(4 * (3 + 2 * 3))
