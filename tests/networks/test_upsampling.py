"""Enlarging maps: the same numbers as Keras', in every precision and compiled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.model.networks import wrap
from tilesegm.networks.upsampling import Bilinear, upsample


def test_by_hand() -> None:
    row = np.array([0.0, 4.0, 8.0], np.float32).reshape(1, 1, 3, 1)
    found = np.asarray(Bilinear(2)(row))
    assert found.shape == (1, 2, 6, 1)
    np.testing.assert_array_equal(found[0, 0, :, 0], [0, 1, 3, 5, 7, 8])
    np.testing.assert_array_equal(found[0, 1], found[0, 0])


@pytest.mark.parametrize("factor", [1, 2, 3, 8])
def test_the_same_as_keras_up_to_the_edge(factor: int) -> None:
    values = np.random.default_rng(factor).normal(size=(2, 5, 7, 3)).astype(np.float32)
    expected = layers.UpSampling2D(factor, interpolation="bilinear")(values)
    np.testing.assert_allclose(Bilinear(factor)(values), expected, atol=1e-6)


def test_one_compiled_network_takes_images_of_any_size() -> None:
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, Bilinear(2)(inputs))
    for shape in ((1, 4, 4, 1), (2, 4, 6, 1), (1, 8, 2, 1)):
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        found = model.predict_on_batch(values)
        np.testing.assert_array_equal(found, np.asarray(Bilinear(2)(values)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_rounded_once(policy: str) -> None:
    values = np.random.default_rng(0).integers(-8, 8, (1, 6, 6, 2)).astype(np.float32)
    found = Bilinear(2, dtype=policy)(values)
    assert keras.backend.standardize_dtype(found.dtype) == policy.removeprefix("mixed_")
    exact = np.asarray(Bilinear(2)(values))
    # Sixteenths of small whole numbers have at most seven bits.
    np.testing.assert_array_equal(np.asarray(keras.ops.cast(found, "float32")), exact)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_xla_compiles_a_training_step_in_half_precision(policy: str) -> None:
    inputs = keras.Input((None, None, 1))
    fine = layers.Conv2D(2, 3, padding="same", dtype=policy)(inputs)
    # Where two gradients of a map meet, both must be of one type.
    x = layers.Conv2D(2, 1, dtype=policy)(layers.MaxPooling2D(dtype=policy)(fine))
    x = layers.Concatenate(dtype=policy)([fine, Bilinear(2, dtype=policy)(x)])
    model = keras.Model(inputs, layers.Conv2D(1, 1, dtype="float32")(x))
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    values = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)
    before = [weight.copy() for weight in model.get_weights()]
    losses = [float(model.train_on_batch(values, values)) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("kind", ["transpose", "nearest", "bilinear"])
@pytest.mark.parametrize("factor", [2, 4])
def test_shapes_and_parameters(kind: str, factor: int) -> None:
    model = wrap(lambda x: upsample(x, 5, kind, factor, "up"))
    assert model.predict_on_batch(np.zeros((1, 3, 4, 3))).shape == (1, 3 * factor, 4 * factor, 5)
    taps = factor * factor if kind == "transpose" else 1
    assert model.count_params() == 3 * 5 * taps + 5
    assert model.output_shape == (None, None, None, 5)


def test_a_convolution_before_equals_one_after() -> None:
    model = wrap(lambda x: upsample(x, 4, "bilinear", 2, "up"))
    kernel, bias = (np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights())
    model.set_weights([kernel, bias])
    values = np.random.default_rng(1).normal(size=(1, 4, 4, 3)).astype(np.float32)
    after = np.asarray(Bilinear(2)(values)) @ kernel[0, 0] + bias
    np.testing.assert_allclose(model(values), after, atol=1e-5)


def test_importing_the_package_is_enough_to_load(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    model: Any = wrap(Bilinear(3))
    model.save(path)
    code = f"import tilesegm, keras; print(keras.saving.load_model({str(path)!r}).layers[1].factor)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "3", done.stderr[-2000:]
