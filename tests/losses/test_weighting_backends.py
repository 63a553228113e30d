"""What a model with weighted losses does on each backend, compiled where the backend compiles.

This file is also a program: run under one ``KERAS_BACKEND`` it trains and prints what came out.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ("tensorflow", "jax", "torch")


@pytest.fixture(scope="module", params=BACKENDS)
def seen(request: pytest.FixtureRequest) -> dict[str, Any]:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    environment = os.environ | {"KERAS_BACKEND": request.param, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.losses.test_weighting_backends"],
        cwd=ROOT,
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result.pop("backend") == request.param
    return result


def test_assigned_factors_take_effect_within_one_fit(seen: dict[str, Any]) -> None:
    # Terms are (2 - 1)² = 1 and 10 (2 - 1)² = 10, and the network stands still.
    logs = seen["assigned"]
    assert logs["loss"] == pytest.approx([11.0, 1.0, 5.0], rel=1e-5)
    assert logs["loss_a"] == pytest.approx([1.0] * 3, rel=1e-5)
    assert logs["loss_b"] == pytest.approx([10.0] * 3, rel=1e-5)
    assert logs["weight_a"] == pytest.approx([1.0, 1.0, 0.0], abs=1e-6)
    assert logs["weight_b"] == pytest.approx([1.0, 0.0, 0.5], abs=1e-6)


def test_a_factor_of_zero_stops_the_gradient_of_its_term(seen: dict[str, Any]) -> None:
    assert seen["number_after_zero"] == pytest.approx(2.0, abs=1e-6)


def test_uncertainty_comes_to_rest_at_its_closed_form(seen: dict[str, Any]) -> None:
    assert seen["log_variance"] == pytest.approx([math.log(2.0), math.log(20.0)], abs=0.02)


def test_gradnorm_balances_gradients_one_to_ten(seen: dict[str, Any]) -> None:
    assert seen["gradnorm"] == pytest.approx([20 / 11, 2 / 11], rel=0.1)


def test_gradnorm_leaves_moving_averages_to_the_step(seen: dict[str, Any]) -> None:
    # Constant input 1, so the moving mean goes from 0 to 0.01 in one step, not in two.
    assert seen["moving_mean"] == pytest.approx([0.01], rel=1e-4)


def test_random_weights_change_from_step_to_step(seen: dict[str, Any]) -> None:
    assert np.std(seen["random"]) > 0.05
    assert all(0.0 < weight < 1.0 for weight in seen["random"])


def test_a_schedule_turns_at_each_epoch(seen: dict[str, Any]) -> None:
    assert seen["scheduled"] == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)


def test_class_weights_follow_the_confusion(seen: dict[str, Any]) -> None:
    # All pixels are called 1, a quarter is: IoU 0 for class 0, 1/4 for class 1.
    assert seen["class_weights"] == pytest.approx([8 / 7, 6 / 7], rel=1e-4)


def test_later_terms_hard_pixels_and_observed_classes(seen: dict[str, Any]) -> None:
    assert seen["later"] == pytest.approx([0.0, 1.0], abs=1e-6)
    # Scores of 2 everywhere: -log sigmoid(2) where the label is 1, and 2 more where it is 0.
    easy = math.log(1 + math.exp(-2))
    assert seen["hard_pixels"] == pytest.approx([easy + 1, easy + 2], rel=1e-4)
    # IoU is 2/3 and 1/4, so weights are 8/13 and 18/13.
    weighed = easy + 2 * (8 / 13) / 2
    assert seen["observed"] == pytest.approx([easy + 1, weighed], rel=1e-4)


def run() -> dict[str, Any]:
    """Train on the backend of this process, and return what the tests above look at."""
    import keras

    from tests.losses.weighting_toy import Parabola, X, Y, number
    from tilesegm.losses import CrossEntropy
    from tilesegm.losses.weighting import (
        ClassAdaptive,
        ClassFollowing,
        GradNorm,
        HardPixels,
        Later,
        Linear,
        RandomWeighting,
        Scheduled,
        Uncertainty,
        WeightedModel,
    )

    both = Parabola(1.0, 1.0, name="a") + Parabola(10.0, 1.0, name="b")

    def trained(network: Any, rule: Any, rate: float, **more: Any) -> tuple[WeightedModel, Any]:
        model = WeightedModel(network, both, rule, class_weights=more.pop("class_weights", None))
        optimizer = keras.optimizers.SGD(rate)
        # Torch has no XLA; its own compiler would take minutes here.
        model.compile(optimizer, jit_compile=keras.backend.backend() != "torch")
        steps = more.pop("steps", 1)
        x, y = np.repeat(X, steps, axis=0), np.repeat(more.pop("y", Y), steps, axis=0)
        history = model.fit(x, y, batch_size=4, verbose=0, shuffle=False, **more).history
        return model, history

    class Assign(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.rule.factors.assign([[1.0, 1.0], [1.0, 0.0], [0.0, 0.5]][epoch])

    result: dict[str, Any] = {"backend": keras.backend.backend()}
    _, result["assigned"] = trained(number(), None, 0.0, epochs=3, callbacks=[Assign()])

    class Zero(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.rule.factors.assign([0.0, 0.0])

    model, _ = trained(number(), None, 0.1, epochs=2, callbacks=Zero())
    result["number_after_zero"] = float(np.asarray(model.network.weights[0]).item())

    frozen = number(trainable=False)
    model, _ = trained(frozen, Uncertainty(), 0.5, steps=60)
    result["log_variance"] = np.asarray(model.rule.log_variance.numpy()).tolist()

    model, _ = trained(number(), GradNorm(alpha=0.0, learning_rate=0.05), 0.0, steps=100)
    result["gradnorm"] = model.rule.factors.numpy().tolist()

    normalised = keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.BatchNormalization(), *number().layers]
    )
    model, _ = trained(normalised, GradNorm(), 0.0, epochs=1)
    result["moving_mean"] = normalised.layers[0].moving_mean.numpy().tolist()

    _, history = trained(number(), RandomWeighting(seed=1), 0.0, epochs=8)
    result["random"] = history["weight_a"]

    ramp = Linear(0.0, 1.0, epochs=2)
    _, history = trained(number(), Scheduled([ramp, ramp]), 0.0, epochs=3)
    result["scheduled"] = history["weight_b"]

    quarter = np.zeros_like(Y)
    quarter[:, 0, 0] = 1
    _, history = trained(number(), None, 0.0, epochs=2, y=quarter, class_weights=ClassAdaptive(2))
    result["class_weights"] = [history[f"weight_class_{index}"][-1] for index in (0, 1)]

    _, history = trained(number(), Later(2, begin=0.5, ramp=0.5), 0.0, epochs=2)
    result["later"] = history["weight_b"]

    half = np.zeros_like(Y)
    half[:, 0] = 1
    hard = HardPixels(2, keep=0.1, warm_up=0.5)
    model = WeightedModel(number(), CrossEntropy(), hard_pixels=hard)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=keras.backend.backend() != "torch")
    result["hard_pixels"] = model.fit(X, half, epochs=2, verbose=0).history["loss"]

    observed = ClassFollowing(2)
    model = WeightedModel(number(), CrossEntropy(), class_weights=observed)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=keras.backend.backend() != "torch")
    before = model.fit(X, half, verbose=0).history["loss"]
    observed.observe([[6, 2], [1, 1]])
    result["observed"] = before + model.fit(X, half, verbose=0).history["loss"]
    return result


if __name__ == "__main__":
    print(json.dumps(run()))
