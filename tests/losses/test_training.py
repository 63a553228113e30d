"""Every loss trains a model in `fit`, where the number of images is not known to the graph."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.losses.scenes import IGNORE, NAMES, tiles
from tilesegm.losses import get


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_one_epoch_with_pixel_weights_lowers_the_loss(name: str) -> None:
    scene = tiles(name, images=3).with_hole()
    layer = keras.layers.Dense(scene.logits.shape[-1], kernel_initializer="identity")
    inputs = keras.Input(scene.logits.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.05), loss=get(name, ignore=IGNORE))
    data = (scene.logits, scene.labels.astype(np.uint8))
    before = model.evaluate(*data, sample_weight=scene.weight, batch_size=3, verbose=0)
    # Batches of 2 and 1.
    history = model.fit(*data, sample_weight=scene.weight, batch_size=2, epochs=2, verbose=0)
    after = model.evaluate(*data, sample_weight=scene.weight, batch_size=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert after < before
