"""A checkpoint brings everything back, or says why it cannot."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tilesegm.errors import ResumeError
from tilesegm.losses import CrossEntropy, Dice
from tilesegm.losses.weighting import DWA, RandomWeighting, WeightedModel
from tilesegm.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    put_variables,
    save_checkpoint,
    take_variables,
)
from tilesegm.training.optimizer import StagedAdamW


def network() -> keras.Model:
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(2, 3, padding="same")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.3)(x)
    return keras.Model(inputs, keras.layers.Conv2D(2, 1)(x))


def test_file_and_back(tmp_path: Path) -> None:
    arrays = {"a/0": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7)}
    save_checkpoint(tmp_path / "deep" / "c.npz", Checkpoint(arrays, {"epoch": 3, "best": None}))
    kept = load_checkpoint(tmp_path / "deep" / "c.npz")
    assert kept.facts == {"epoch": 3, "best": None}
    for name, array in arrays.items():
        np.testing.assert_array_equal(kept.arrays[name], array)
        assert kept.arrays[name].dtype == array.dtype
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["c.npz"]


@pytest.mark.parametrize("rule", [DWA, RandomWeighting])
def test_every_variable_of_a_model_in_training(rule: type) -> None:
    """Weights, statistics, draws of dropout and rule, history of the rule, and the optimizer."""

    def made(scale: bool) -> tuple[WeightedModel, keras.optimizers.Optimizer]:
        model = WeightedModel(network(), CrossEntropy() + Dice(), rule())
        optimizer = StagedAdamW(0.01, average=0.9, gradient_accumulation_steps=2)
        if scale:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, jit_compile=False)
        optimizer.build(model.trainable_variables)
        return model, optimizer

    random = np.random.default_rng(0)
    x = random.normal(size=(6, 4, 4, 1)).astype(np.float32)
    y = (x[..., 0] > 0).astype(np.int32)
    model, optimizer = made(scale=True)
    model.fit(x, y, batch_size=2, epochs=1, verbose=0)
    arrays = take_variables("model", model.variables)
    arrays |= take_variables("optimizer", optimizer.variables)
    text = " ".join(arrays)
    for part in (
        "moving_mean",
        "seed_generator",
        "momentum",
        "average",
        "gradient_accumulator",
        "iteration",
        "dynamic_scale",
        "history" if rule is DWA else "model",
    ):
        assert part in text, part
    other, other_optimizer = made(scale=True)
    put_variables("model", other.variables, arrays)
    put_variables("optimizer", other_optimizer.variables, arrays)
    for one, two in zip(
        [*model.variables, *optimizer.variables],
        [*other.variables, *other_optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)
    # What is the same now stays the same.
    for each in (model, other):
        each.fit(x, y, batch_size=2, epochs=2, initial_epoch=1, verbose=0, shuffle=False)
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-5, atol=1e-6)


def test_another_network_is_refused() -> None:
    arrays = take_variables("model", network().variables)
    inputs = keras.Input((4, 4, 1))
    other = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    with pytest.raises(ResumeError, match="overwrite"):
        put_variables("model", other.variables, arrays)


def test_a_newer_or_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    np.savez(path, facts=np.array('{"version": 99}'))
    with pytest.raises(ResumeError, match="version 99"):
        load_checkpoint(path)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(ResumeError, match="cannot be read"):
        load_checkpoint(path)
    with pytest.raises(ResumeError, match="cannot be read"):
        load_checkpoint(tmp_path / "absent.npz")
