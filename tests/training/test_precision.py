"""The twin that is trained computes what its network computes, in faster kernels."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tilesegm.model.device import device_kind
from tilesegm.networks.build import build
from tilesegm.networks.settings import ModelSettings
from tilesegm.training.mixed_precision import twin_of

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow" or device_kind() != "cpu",
    reason="other backends and devices have no kernel of their own for this",
)


def test_fused_normalisation_trains_as_the_plain_one_does() -> None:
    keras.utils.set_random_seed(3)
    plain = build(ModelSettings(filters=4, depth=2), 3, 5)
    twin = twin_of(plain, "float32")
    changed = [type(a) is not type(b) for a, b in zip(plain.layers, twin.layers, strict=True)]
    norms = [isinstance(layer, keras.layers.BatchNormalization) for layer in plain.layers]
    assert changed == norms
    random = np.random.default_rng(0)
    pixels = random.normal(2, 3, (4, 32, 32, 3)).astype(np.float32)
    labels = random.integers(0, 5, (4, 32, 32))
    for model in (plain, twin):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
    losses = [[model.train_on_batch(pixels, labels) for _ in range(3)] for model in (plain, twin)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for first, second in zip(plain.weights, twin.weights, strict=True):
        # The kernel counts one pixel less in the variance that it keeps: 1 in 256 at the bottom.
        np.testing.assert_allclose(second, first, rtol=5e-3, atol=1e-3, err_msg=first.path)
    np.testing.assert_allclose(
        twin.predict(pixels, verbose=0), plain.predict(pixels, verbose=0), rtol=0.02, atol=0.02
    )


def test_normalisation_over_several_devices_is_left_alone() -> None:
    inputs = keras.Input((8, 8, 3))
    norm = keras.layers.BatchNormalization(synchronized=True)
    twin = twin_of(keras.Model(inputs, norm(inputs)), "float32")
    assert type(twin.layers[1]) is keras.layers.BatchNormalization
