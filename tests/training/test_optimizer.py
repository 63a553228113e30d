"""Rates, decay, clipping, gathering and averages, against the formulas written out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tilesegm.training.optimizer import StagedAdamW, averaged_weights, make_optimizer
from tilesegm.training.schedule import WarmUpDecay
from tilesegm.training.settings.config import OptimizerSettings, ScheduleSettings

GRADIENTS = [np.full((2, 2), g, np.float32) for g in (0.3, -0.1, 0.2, 0.4)]


def variable(value: float = 1.0, name: str = "kernel", shape: tuple[int, ...] = (2, 2)) -> Any:
    return keras.Variable(np.full(shape, value, np.float32), name=name)


def adamw(gradients: list[np.ndarray], rate: float, decay: float) -> list[np.ndarray]:
    """Weights after each update, from the paper (Loshchilov and Hutter 2019), starting at 1."""
    w, m, v = np.ones((2, 2)), np.zeros((2, 2)), np.zeros((2, 2))
    seen = []
    for t, g in enumerate(gradients, 1):
        w = w - rate * decay * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        seen.append(w)
    return seen


def test_a_factor_slows_a_variable_and_its_decay() -> None:
    fast, slow = variable(name="fast"), variable(name="slow")
    optimizer = StagedAdamW(0.01, weight_decay=0.1, factors={"slow": 0.25})
    optimizer.build([fast, slow])
    for gradient in GRADIENTS:
        optimizer.apply([gradient, gradient])
    # Keras adds epsilon before the corrections of the bias are undone: a difference of 1e-6.
    np.testing.assert_allclose(fast.numpy(), adamw(GRADIENTS, 0.01, 0.1)[-1], rtol=1e-5)
    np.testing.assert_allclose(slow.numpy(), adamw(GRADIENTS, 0.0025, 0.1)[-1], rtol=1e-5)


def test_vectors_do_not_decay() -> None:
    bias = variable(name="bias", shape=(3,))
    optimizer = StagedAdamW(0.01, weight_decay=0.5)
    optimizer.build([bias])
    optimizer.apply([np.zeros(3, np.float32)])
    np.testing.assert_array_equal(bias.numpy(), np.ones(3))


def test_the_average_warms_up_and_starts_from_the_weights() -> None:
    kernel = variable()
    optimizer = StagedAdamW(0.01, weight_decay=0.0, average=0.15)
    optimizer.build([kernel])
    np.testing.assert_array_equal(optimizer.averages[0].numpy(), kernel.numpy())
    expected = np.zeros((2, 2))
    for done, gradient in enumerate(GRADIENTS):
        optimizer.apply([gradient])
        keep = min(0.15, done / (done + 9))
        expected = keep * expected + (1 - keep) * kernel.numpy()
        np.testing.assert_allclose(optimizer.averages[0].numpy(), expected, rtol=1e-6)


def test_gathered_batches_make_one_update_and_move_the_average_once() -> None:
    once, gathered = variable(), variable()
    means = [(GRADIENTS[0] + GRADIENTS[1]) / 2, (GRADIENTS[2] + GRADIENTS[3]) / 2]
    plain = StagedAdamW(0.01, weight_decay=0.1, average=0.9)
    plain.build([once])
    for mean in means:
        plain.apply([mean])
    optimizer = StagedAdamW(0.01, weight_decay=0.1, average=0.9, gradient_accumulation_steps=2)
    optimizer.build([gathered])
    for gradient in GRADIENTS:
        optimizer.apply([gradient])
    assert int(optimizer.iterations) == 2
    np.testing.assert_allclose(gathered.numpy(), once.numpy(), rtol=1e-6)
    np.testing.assert_allclose(optimizer.averages[0].numpy(), plain.averages[0].numpy(), rtol=1e-6)


def test_a_schedule_counts_updates_not_gathered_batches() -> None:
    w = variable()
    schedule = WarmUpDecay(0.1, updates=6, warm_up=2, decay="linear")
    optimizer = StagedAdamW(schedule, weight_decay=0.0, gradient_accumulation_steps=3)
    optimizer.build([w])
    rates, moves = [], []
    for _ in range(6 * 3):
        rates.append(float(optimizer.learning_rate))
        before = w.numpy()
        optimizer.apply([np.ones((2, 2), np.float32)])
        moves.append(float(np.abs(w.numpy() - before).max()))
    expected = [0.05, 0.1, 0.1, 0.075, 0.05, 0.025]
    np.testing.assert_allclose(rates, np.repeat(expected, 3), rtol=1e-6)
    # With equal gradients Adam moves by the rate, and only when an update is due.
    np.testing.assert_allclose(moves[2::3], expected, rtol=1e-3)
    assert not any(moves[0::3])
    assert not any(moves[1::3])


def test_the_norm_is_clipped_over_all_variables() -> None:
    """A gradient of norm 10 has the effect of the same direction with norm 1, on the momentum."""
    first, second = variable(name="a"), variable(name="b")
    schedule = WarmUpDecay(0.01, 10, 0, "constant")
    optimizer = make_optimizer(OptimizerSettings(clip=1.0), schedule)
    optimizer.build([first, second])
    optimizer.apply([np.full((2, 2), 3.0, np.float32), np.full((2, 2), 4.0, np.float32)])
    np.testing.assert_allclose(optimizer._momentums[0].numpy(), 0.1 * 3 / 10, rtol=1e-5)
    np.testing.assert_allclose(optimizer._momentums[1].numpy(), 0.1 * 4 / 10, rtol=1e-5)


def test_fit_leaves_the_weights_as_they_are_and_averages_apart() -> None:
    """Keras' own averages take the place of the weights whenever ``fit`` returns."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
    optimizer = StagedAdamW(0.1, average=0.99)
    model.compile(optimizer, "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    model.fit(x, x.sum(1, keepdims=True), batch_size=4, epochs=1, verbose=0)
    (average,) = averaged_weights(optimizer, model)
    assert np.abs(average - model.get_weights()[0]).max() > 0.01
    np.testing.assert_array_equal(average, optimizer.averages[0].numpy())


@pytest.mark.parametrize(
    ("decay", "middle", "end"), [("cosine", 0.5, 0.0), ("linear", 0.5, 0.0), ("constant", 1, 1)]
)
def test_the_rate_rises_and_falls(decay: Any, middle: float, end: float) -> None:
    settings = ScheduleSettings(epochs=10, steps=12, warm_up=1 / 6, decay=decay)
    rate = WarmUpDecay.of(2.0, settings)
    assert float(rate(0)) == pytest.approx(2.0 / 20)
    assert float(rate(9)) == pytest.approx(1.0)
    assert float(rate(20)) == pytest.approx(2.0)
    assert float(rate(70)) == pytest.approx(2.0 * middle)
    assert float(rate(120)) == pytest.approx(2.0 * end, abs=1e-6)
    again = WarmUpDecay.from_config(rate.get_config())
    assert float(again(33)) == float(rate(33))


def test_no_warm_up() -> None:
    rate = WarmUpDecay.of(1.0, ScheduleSettings(epochs=1, steps=4, warm_up=0.0))
    assert [round(float(rate(step)), 4) for step in range(5)] == [1.0, 0.8536, 0.5, 0.1464, 0.0]
