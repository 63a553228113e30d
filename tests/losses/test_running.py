"""Dice over a fading window of batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.losses.scenes import tiles
from tilesegm.errors import SettingsError
from tilesegm.losses import Dice, RunningDice
from tilesegm.losses.gradients import differentiate

FULL = np.ones((1, 4, 4), np.int32)
HALF = np.zeros((1, 4, 4, 1), np.float32)

FIT = """
import numpy as np, keras
from tilesegm.losses import RunningDice

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", trainable=False)
        self.running_dice = RunningDice(1, decay=0.5)
    def call(self, x):
        return self.layer(x)
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.running_dice(y, y_pred, sample_weight, training=training)

net = Net()
net.compile("sgd")
x, y = np.zeros((3, 4, 4, 1), "float32"), np.ones((3, 4, 4), "int32")
net.fit(x, y, batch_size=1, verbose=0)
print(*np.ravel(keras.ops.convert_to_numpy(net.running_dice.sums)))
"""


def test_without_memory_it_is_dice_over_the_batch() -> None:
    scene = tiles()
    layer = RunningDice(3, decay=0.0)
    expected = float(Dice()(scene.labels, scene.logits, scene.weight))
    for _ in range(2):
        value = float(layer(scene.labels, scene.logits, scene.weight, training=True))
        assert value == pytest.approx(expected, rel=1e-6)


def test_sums_fade_by_hand() -> None:
    layer = RunningDice(1, decay=0.5)
    # 16 true pixels at p = 1/2: I = 2 * 8, sizes 8 + 16.
    layer(FULL, HALF, training=True)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.sums)[:, 0], [16, 24])
    # An empty tile adds sizes of 8: I = 8, D = 12 + 8.
    value = float(layer(0 * FULL, HALF, training=True))
    assert value == pytest.approx(1 - 8 / 20, rel=1e-5)


def test_an_empty_tile_is_felt_through_the_memory() -> None:
    layer = RunningDice(1, decay=0.5)
    layer(FULL, HALF, training=True)
    empty = differentiate(lambda x: layer(0 * FULL, x, training=True))
    _, gradient = empty(HALF)
    # dL/dp = I / D^2, and dp/dz = 1/4.
    np.testing.assert_allclose(gradient, np.full((1, 4, 4, 1), 8 / 400 / 4), rtol=1e-4)


def test_a_class_never_seen_costs_its_area_and_validation_changes_nothing() -> None:
    layer = RunningDice(1)
    assert float(layer(0 * FULL, HALF, training=True)) == pytest.approx(0.5)
    before = keras.ops.convert_to_numpy(layer.sums)
    assert float(layer(FULL, HALF, training=False)) == pytest.approx(1 - 16 / 24, rel=1e-5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.sums), before)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_state_moves_with_the_model_on_every_backend(backend: str) -> None:
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", FIT],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Three equal batches: 1 + 1/2 + 1/4 times 16 and 24.
    assert done.stdout.split() == ["28.0", "42.0"]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="decay is 1"):
        RunningDice(3, decay=1.0)
