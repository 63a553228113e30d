"""The model that holds the weights: what it logs, refuses, saves and resumes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.losses.weighting_toy import Parabola, X, Y, number
from tilesegm.errors import SettingsError
from tilesegm.losses.boundary import Boundary
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.deep_supervision import DeepSupervision
from tilesegm.losses.dice import Dice
from tilesegm.losses.weighting import (
    DWA,
    GLS,
    ClassAdaptive,
    Fixed,
    GradNorm,
    Linear,
    RandomWeighting,
    Rule,
    SoftAdapt,
    Uncertainty,
    WeightedModel,
    rebalance,
)

ROOT = Path(__file__).resolve().parents[2]
IMAGES = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
LABELS = (IMAGES.sum(axis=-1) > 0).astype("uint8")


def small(classes: int = 2) -> keras.Model:
    keras.utils.set_random_seed(1)
    head = keras.layers.Conv2D(classes, 1, dtype="float32", name="head")
    first = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")
    return keras.Sequential([keras.Input((8, 8, 3)), first, head])


def fit(model: keras.Model, **more: Any) -> dict[str, list[float]]:
    arguments = {"batch_size": 4, "verbose": 0, "shuffle": False, **more}
    logs: dict[str, list[float]] = model.fit(IMAGES, LABELS, **arguments).history
    return logs


def compiled(rule: Rule | None = None, **more: Any) -> WeightedModel:
    model = WeightedModel(small(), CrossEntropy() + 0.5 * Dice(), rule, **more)
    # Graphs are compiled in the tests of the backends; here they would only cost time.
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    return model


def test_without_a_rule_it_trains_as_keras_does() -> None:
    plain = small()
    plain.compile(keras.optimizers.SGD(0.5), loss=CrossEntropy() + 0.5 * Dice(), run_eagerly=True)
    expected = fit(plain, epochs=3)
    model = compiled()
    assert fit(model, epochs=3)["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for ours, theirs in zip(model.network.weights, plain.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-6)


def test_logs_hold_terms_and_weights() -> None:
    model = compiled(Uncertainty(), class_weights=ClassAdaptive(2))
    logs = fit(model, epochs=2, validation_data=(IMAGES[:4], LABELS[:4]))
    names = ["loss", "loss_cross_entropy", "loss_dice", "weight_cross_entropy", "weight_dice"]
    names += ["weight_class_0", "weight_class_1"]
    assert set(logs) == {*names, *(f"val_{name}" for name in names)}
    # Each logged step: total = sum(w L) + sum(s) / 2 with w = exp(-s); one batch, so no mixing.
    logs = model.evaluate(IMAGES, LABELS, batch_size=8, verbose=0, return_dict=True)
    weights = np.array([logs["weight_cross_entropy"], logs["weight_dice"]])
    terms = np.array([logs["loss_cross_entropy"], logs["loss_dice"]])
    assert logs["loss"] == pytest.approx((weights * terms - np.log(weights) / 2).sum(), rel=1e-5)


def test_means_count_every_image_once() -> None:
    logs = compiled().evaluate(IMAGES, LABELS, batch_size=3, verbose=0, return_dict=True)
    one = compiled().evaluate(IMAGES, LABELS, batch_size=8, verbose=0, return_dict=True)
    assert logs["loss_cross_entropy"] == pytest.approx(one["loss_cross_entropy"], rel=1e-5)


def test_terms_of_one_name_are_numbered() -> None:
    model = WeightedModel(number(), Parabola(1.0) + Parabola(2.0) + Parabola(3.0, name="c"))
    assert model.term_losses.keys == ["loss_parabola_1", "loss_parabola_2", "loss_c"]


def test_a_single_loss_and_its_factor() -> None:
    model = WeightedModel(number(2.0), 3.0 * Parabola())
    model.compile("sgd")
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert (logs["loss"], logs["loss_parabola"], logs["weight_parabola"]) == (12.0, 12.0, 1.0)


def test_losses_of_layers_are_added() -> None:
    regular = keras.layers.ActivityRegularization(l2=0.25)
    model = WeightedModel(keras.Sequential([*number(2.0).layers, regular]), Parabola())
    model.build((None, 2, 2, 1))
    model.compile("sgd")
    loss, term, weight = model.evaluate(X, Y, verbose=0)
    # Keras sums the squares 4 of the 4 pixels of an image; 0.25 of that is 4.
    assert (loss, term, weight) == pytest.approx((8.0, 4.0, 1.0))


class _Names(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.factors = self.model.rule.factors.numpy().tolist()


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: [c], lambda c: (c,)])
def test_the_rule_turns_before_callbacks_of_the_user(wrap: Callable[[Any], Any]) -> None:
    callback = _Names()
    fit(compiled(rebalance(Linear(0.0, 1.0, epochs=4))), epochs=3, callbacks=wrap(callback))
    assert callback.factors == [0.5, 0.5]


def test_the_rule_turns_under_a_callback_list_too() -> None:
    model = compiled(rebalance(Linear(0.0, 1.0, epochs=4)))
    fit(model, epochs=3, callbacks=keras.callbacks.CallbackList([], model=model))
    assert model.rule.factors.numpy().tolist() == [0.5, 0.5]


def test_dwa_uses_the_losses_of_the_epochs() -> None:
    model = compiled(DWA())
    logs = fit(model, epochs=3)
    ratio = np.array(
        [logs[f"loss_{name}"][1] / logs[f"loss_{name}"][0] for name in ("cross_entropy", "dice")]
    )
    expected = 2 * np.exp(ratio / 2) / np.exp(ratio / 2).sum()
    third = [logs["weight_cross_entropy"][2], logs["weight_dice"][2]]
    np.testing.assert_allclose(third, expected, rtol=1e-5)
    assert abs(third[0] - 1.0) > 1e-4  # the numbers above are no ones


RULES = [lambda: Uncertainty(pace=3.0), lambda: GradNorm("first"), DWA, rebalance]


@pytest.mark.parametrize("make", RULES, ids=["Uncertainty", "GradNorm", "DWA", "rebalance"])
def test_a_loaded_model_goes_on_as_if_it_had_not_stopped(
    make: Callable[[], Rule], tmp_path: Path
) -> None:
    straight = fit(compiled(make(), class_weights=ClassAdaptive(2)), epochs=4)
    first = compiled(make(), class_weights=ClassAdaptive(2))
    fit(first, epochs=2)
    first.save(tmp_path / "model.keras")
    second = keras.saving.load_model(tmp_path / "model.keras")
    logs = fit(second, epochs=4, initial_epoch=2)
    for name, values in straight.items():
        assert logs[name] == pytest.approx(values[2:], rel=1e-5), name


def test_random_weighting_and_gls_come_back(tmp_path: Path) -> None:
    for rule in (RandomWeighting(seed=3), GLS(shift=0.25)):
        model = compiled(rule)
        fit(model, epochs=1)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert again.rule.get_config() == rule.get_config()
        np.testing.assert_allclose(
            again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
        )


def test_another_process_needs_only_the_import(tmp_path: Path) -> None:
    model = compiled(DWA(), class_weights=ClassAdaptive(2))
    fit(model, epochs=2)
    model.save(tmp_path / "model.keras")
    model.network.save(tmp_path / "network.keras")
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", LABELS)
    program = """
import sys, tilesegm, keras, numpy as np
folder = sys.argv[1]
images, labels = np.load(folder + "/images.npy"), np.load(folder + "/labels.npy")
model = keras.saving.load_model(folder + "/model.keras")
model.fit(images, labels, batch_size=4, verbose=0, shuffle=False, initial_epoch=2, epochs=3)
np.save(folder + "/factors.npy", model.rule.factors.numpy())
network = keras.saving.load_model(folder + "/network.keras")
np.save(folder + "/scores.npy", network.predict(images, verbose=0))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(
        np.load(tmp_path / "scores.npy"), model.predict(IMAGES, verbose=0), atol=1e-5
    )
    fit(model, initial_epoch=2, epochs=3)
    np.testing.assert_allclose(
        np.load(tmp_path / "factors.npy"), model.rule.factors.numpy(), rtol=1e-5
    )


POSITIVE = [Uncertainty, GLS, DWA, GradNorm, lambda **k: SoftAdapt(variant="loss-weighted", **k)]


@pytest.mark.parametrize("make", POSITIVE)
def test_losses_that_can_be_negative_are_refused_or_shifted(make: Callable[..., Rule]) -> None:
    unbounded = CrossEntropy() + Boundary()
    with pytest.raises(SettingsError, match="'boundary' has no lower bound"):
        WeightedModel(small(), unbounded, make())
    WeightedModel(small(), unbounded, make(shift=1.0))
    below = Parabola() + Parabola(offset=-0.5, name="low")
    with pytest.raises(SettingsError, match=r"'low' can be -0.5: give it a shift of 0.5"):
        WeightedModel(number(), below, make(shift=0.25))
    WeightedModel(number(), below, make(shift=0.5))
    with pytest.raises(SettingsError, match=r"'low' can be -1: give it a shift of 1"):
        WeightedModel(number(), Parabola() + 2 * below, make(shift=0.5))
    WeightedModel(small(), CrossEntropy() + 0 * Boundary(), make())


@pytest.mark.parametrize(
    "make", [Fixed, RandomWeighting, SoftAdapt, lambda **k: GradNorm(alpha=0.0, **k), rebalance]
)
def test_rules_that_take_any_sign_take_boundary_losses(make: Callable[..., Rule]) -> None:
    WeightedModel(small(), CrossEntropy() + Boundary(), make())
    if make is not rebalance:
        with pytest.raises(SettingsError, match=r"shift is 1, .* leave it out"):
            WeightedModel(small(), CrossEntropy() + Dice(), make(shift=1.0))


def test_refusals_before_training() -> None:
    losses = Parabola() + Parabola(2.0)
    with pytest.raises(SettingsError, match=r"no layer 'tail'.* those are: number"):
        WeightedModel(number(), losses, GradNorm("tail"))
    rule = Fixed()
    WeightedModel(number(), losses, rule)
    with pytest.raises(SettingsError, match="weighs 2 losses already and cannot weigh 3"):
        WeightedModel(number(), losses + Parabola(), rule)
    with pytest.raises(SettingsError, match="2 schedules for 3 losses"):
        WeightedModel(number(), losses + Parabola(), rebalance())
    model = WeightedModel(number(), losses)
    for name, value in {"loss": "mse", "loss_weights": [1.0]}.items():
        with pytest.raises(SettingsError, match=f"{name} was passed to compile"):
            model.compile("sgd", **{name: value})
    with pytest.raises(SettingsError, match="loss was passed to compile"):
        model.compile("sgd", "mse")


@pytest.fixture
def mixed_precision() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("mixed_precision")
@pytest.mark.parametrize("make", [Uncertainty, GradNorm])
def test_rules_stay_in_float32_under_mixed_precision(make: Callable[[], Rule]) -> None:
    model = compiled(make(), class_weights=ClassAdaptive(2))
    logs = fit(model, epochs=2)
    assert all(np.isfinite(values).all() for values in logs.values())
    assert {weight.dtype for weight in model.rule.weights} == {"float32"}
    assert logs["weight_dice"][1] != logs["weight_dice"][0]


def test_several_outputs_of_deep_supervision() -> None:
    inputs = keras.Input((8, 8, 3))
    fine = keras.layers.Conv2D(2, 1)(inputs)
    coarse = keras.layers.Conv2D(2, 1)(keras.layers.AveragePooling2D(2)(inputs))
    network = keras.Model(inputs, [fine, coarse])
    loss = DeepSupervision(CrossEntropy(), name="ce") + DeepSupervision(Dice(), name="dice")
    model = WeightedModel(network, loss, GradNorm(alpha=0.0), class_weights=ClassAdaptive(2))
    model.compile(keras.optimizers.SGD(0.5))
    logs = fit(model, epochs=3)
    assert logs["loss_ce"][-1] < logs["loss_ce"][0]


def test_a_network_that_is_not_built_yet() -> None:
    network = keras.Sequential([keras.layers.Conv2D(2, 1)])
    with pytest.raises(SettingsError, match="has no weights yet"):
        WeightedModel(network, CrossEntropy() + Dice(), GradNorm())
    model = WeightedModel(network, CrossEntropy() + Dice(), Uncertainty())
    model.compile(keras.optimizers.SGD(0.5))
    logs = fit(model, epochs=3)
    assert logs["loss_cross_entropy"][-1] < logs["loss_cross_entropy"][0]
