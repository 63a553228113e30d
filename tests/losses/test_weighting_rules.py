"""Each rule against numbers worked out by hand from its paper."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.weighting import (
    DWA,
    GLS,
    Fixed,
    GradNorm,
    RandomWeighting,
    Rule,
    SoftAdapt,
    Uncertainty,
)
from tilesegm.losses.weighting.dwa import dwa_weights
from tilesegm.losses.weighting.gls import geometric_mean
from tilesegm.losses.weighting.gradnorm import gradnorm_step
from tilesegm.losses.weighting.softadapt import slopes, softadapt_weights
from tilesegm.losses.weighting.uncertainty import uncertainty_total


def built(rule: Rule, terms: int = 2) -> Rule:
    rule.build((terms,))
    return rule


def combine(rule: Rule, values: list[float], training: bool = True) -> tuple[float, np.ndarray]:
    total, weights = rule.combine(ops.convert_to_tensor(values, "float32"), training)
    return float(total), ops.convert_to_numpy(weights)


positive = st.floats(0.01, 100.0)
histories = arrays(np.float64, (3, 4), elements=positive)


def test_fixed_is_the_plain_sum_until_factors_are_assigned() -> None:
    rule = built(Fixed())
    assert combine(rule, [2.0, 3.0])[0] == 5.0
    rule.factors.assign([1.0, -2.0])
    assert combine(rule, [2.0, 3.0])[0] == -4.0


def test_uncertainty_total_by_hand() -> None:
    values = np.array([2.0, 3.0], "float32")
    s = np.array([0.0, math.log(4.0)], "float32")
    total, weights = uncertainty_total(values, s, "classification")
    # 2 + 0 + 3/4 + log(4)/2
    assert float(total) == pytest.approx(2.75 + math.log(2.0), abs=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(weights), [1.0, 0.25], rtol=1e-6)
    total, weights = uncertainty_total(values, s, "regression")
    assert float(total) == pytest.approx(1.375 + math.log(2.0), abs=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(weights), [0.5, 0.125], rtol=1e-6)


@pytest.mark.parametrize(("form", "factor"), [("classification", 2.0), ("regression", 1.0)])
def test_uncertainty_is_least_where_the_docstring_says(form: str, factor: float) -> None:
    values = np.array([0.3, 5.0], "float32")
    rest = np.log(factor * values)
    least = float(uncertainty_total(values, rest, form)[0])
    # Each term contributes 1/2 + s/2 at rest.
    assert least == pytest.approx(1.0 + 0.5 * rest.sum(), abs=1e-6)
    for step in ([0.1, 0.0], [-0.1, 0.0], [0.0, 0.1], [0.0, -0.1]):
        assert float(uncertainty_total(values, rest + np.float32(step), form)[0]) > least


def test_pace_scales_the_step_and_nothing_else() -> None:
    rule = built(Uncertainty(initial=math.log(4.0), pace=10.0))
    np.testing.assert_allclose(np.asarray(rule.log_variance), math.log(4.0) / 10.0, rtol=1e-6)
    assert combine(rule, [1.0, 1.0])[1] == pytest.approx([0.25, 0.25])


def test_geometric_mean_by_hand() -> None:
    mean, weights = geometric_mean(ops.convert_to_tensor([1.0, 4.0, 16.0]))
    assert float(mean) == pytest.approx(4.0, rel=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(weights), [4 / 3, 1 / 3, 1 / 12], rtol=1e-5)


def test_shift_makes_a_negative_term_positive() -> None:
    rule = built(GLS(shift=1.0))
    assert combine(rule, [-0.5, 1.0])[0] == pytest.approx(1.0, rel=1e-6)  # sqrt(0.5 * 2)


def test_geometric_mean_survives_a_perfect_term() -> None:
    total, weights = combine(built(GLS()), [0.0, 1.0])
    assert math.isfinite(total)
    assert np.isfinite(weights).all()


def test_random_weights_have_the_mean_one_over_t() -> None:
    rule = built(RandomWeighting(seed=7), terms=3)
    draws = np.array([combine(rule, [1.0, 1.0, 1.0])[1] for _ in range(400)])
    np.testing.assert_allclose(draws.sum(axis=1), 1.0, rtol=1e-5)
    # The standard deviation of a weight is about 0.2, of the mean of 400 about 0.01.
    np.testing.assert_allclose(draws.mean(axis=0), 1 / 3, atol=0.04)
    assert draws.std(axis=0).min() > 0.1
    np.testing.assert_allclose(combine(rule, [1.0, 1.0, 1.0], training=False)[1], 1 / 3, rtol=1e-6)


def test_dwa_by_hand() -> None:
    # Ratios 0.5 and 1: exponents 0.25 and 0.5, weights 2 e^a / (e^0.25 + e^0.5).
    weights = dwa_weights(np.array([2.0, 3.0]), np.array([1.0, 3.0]), temperature=2.0)
    np.testing.assert_allclose(weights, [0.8756470, 1.1243530], atol=1e-7)


def test_dwa_waits_for_two_epochs() -> None:
    rule = built(DWA())
    rule.end_epoch(np.array([2.0, 3.0]))
    assert np.asarray(rule.factors).tolist() == [1.0, 1.0]
    rule.end_epoch(np.array([1.0, 3.0]))
    np.testing.assert_allclose(np.asarray(rule.factors), [0.8756470, 1.1243530], atol=1e-6)


def test_an_epoch_of_nan_changes_nothing() -> None:
    rule = built(DWA())
    for losses in ([2.0, 3.0], [1.0, 3.0]):
        rule.end_epoch(np.array(losses))
    before = np.asarray(rule.factors).copy()
    rule.end_epoch(np.array([math.nan, 3.0]))
    np.testing.assert_array_equal(np.asarray(rule.factors), before)
    rule.end_epoch(np.array([1.0, 3.0]))  # ratios 1 and 1
    np.testing.assert_allclose(np.asarray(rule.factors), 1.0, rtol=1e-6)


@given(histories, st.floats(0.1, 10.0), arrays(np.float64, 4, elements=positive))
@settings(deadline=None)
def test_dwa_sums_to_t_and_knows_no_scale(
    history: np.ndarray, temperature: float, scale: np.ndarray
) -> None:
    weights = dwa_weights(history[0], history[1], temperature)
    assert weights.sum() == pytest.approx(4.0)
    rescaled = dwa_weights(scale * history[0], scale * history[1], temperature)
    np.testing.assert_allclose(weights, rescaled, rtol=1e-6)


def test_slopes_are_exact_for_polynomials() -> None:
    t = np.arange(5.0)
    history = np.stack([2.0 * t + 1.0, t**2, t**4], axis=1)
    np.testing.assert_allclose(slopes(history[-2:])[0], 2.0)
    np.testing.assert_allclose(slopes(history[-3:])[:2], [2.0, 8.0])
    np.testing.assert_allclose(slopes(history), [2.0, 8.0, 256.0])


def test_softadapt_variants_by_hand() -> None:
    history = np.array([[1.0, 4.0], [0.5, 6.0]])  # slopes -0.5 and 2, means 0.75 and 5
    e = math.exp
    original = np.array([e(-0.05), e(0.2)])
    np.testing.assert_allclose(softadapt_weights(history, 0.1), original / original.sum())
    normalised = np.array([e(-0.02), e(0.08)])
    np.testing.assert_allclose(
        softadapt_weights(history, 0.1, "normalised"), normalised / normalised.sum(), rtol=1e-6
    )
    weighted = np.array([0.75 * e(-0.05), 5.0 * e(0.2)])
    np.testing.assert_allclose(
        softadapt_weights(history, 0.1, "loss-weighted"), weighted / weighted.sum()
    )


@given(histories, st.floats(-5.0, 5.0), st.sampled_from(["original", "normalised"]))
@settings(deadline=None)
def test_softadapt_sums_to_one_and_follows_the_sign_of_beta(
    history: np.ndarray, beta: float, variant: str
) -> None:
    weights = softadapt_weights(history, beta, variant)
    assert weights.sum() == pytest.approx(1.0)
    slope = slopes(history)
    assert weights[slope.argmax()] * beta >= weights[slope.argmin()] * beta


def test_softadapt_begins_with_equal_weights_that_sum_to_one() -> None:
    rule = built(SoftAdapt(depth=3), terms=4)
    assert combine(rule, [1.0, 1.0, 1.0, 1.0])[0] == pytest.approx(1.0)


def test_gradnorm_step_by_hand() -> None:
    # Weighted norms 1 and 3 in units of their mean: 0.5 and 1.5, targets 1 and 1. So the logarithms
    # move by +0.1 * 0.5 and -0.1 * 1.5.
    moved = ops.convert_to_numpy(
        gradnorm_step(
            ops.ones(2),
            ops.convert_to_tensor([1.0, 3.0]),
            ops.ones(2),
            learning_rate=0.1,
            alpha=0.0,
        )
    )
    expected = np.exp([0.05, -0.15])
    np.testing.assert_allclose(moved, expected * 2 / expected.sum(), rtol=1e-6)


def test_gradnorm_balances_norms_one_to_ten() -> None:
    factors = ops.ones(2)
    norms = ops.convert_to_tensor([1.0, 10.0])
    for _ in range(200):
        factors = gradnorm_step(factors, norms, ops.ones(2), learning_rate=0.02, alpha=0.0)
    np.testing.assert_allclose(ops.convert_to_numpy(factors), [20 / 11, 2 / 11], rtol=0.04)


def test_gradnorm_tilts_towards_the_term_that_trains_slowly() -> None:
    rule = built(GradNorm(alpha=1.0, learning_rate=0.02))
    even = ops.ones(2)
    rule.learn(ops.convert_to_tensor([2.0, 2.0]), even)
    for _ in range(200):  # the first fell to a quarter, the second not at all
        rule.learn(ops.convert_to_tensor([0.5, 2.0]), even)
    # Rates 0.25 and 1 over their mean 0.625.
    np.testing.assert_allclose(np.asarray(rule.factors), [0.4, 1.6], rtol=0.06)


def test_gradnorm_ignores_norms_that_are_not_finite() -> None:
    rule = built(GradNorm(alpha=0.0))
    rule.learn(ops.ones(2), ops.convert_to_tensor([math.nan, 1.0]))
    assert np.asarray(rule.factors).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uncertainty("dice"), "form is 'dice'"),
        (lambda: Uncertainty(pace=0.0), "pace is 0"),
        (lambda: DWA(temperature=0.0), "temperature is 0"),
        (lambda: SoftAdapt(variant="raw"), "variant is 'raw'"),
        (lambda: SoftAdapt(depth=1), "depth is 1"),
        (lambda: GradNorm(learning_rate=-1.0), "learning_rate is -1"),
        (lambda: GLS(shift=-1.0), "shift is -1"),
    ],
)
def test_arguments_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


@pytest.mark.parametrize(
    "rule",
    [
        Fixed(),
        Uncertainty("regression", initial=-0.5, pace=3.0, shift=1.0),
        GLS(shift=0.5),
        RandomWeighting(seed=3),
        DWA(temperature=1.0),
        SoftAdapt(0.2, variant="normalised", depth=4),
        GradNorm("head", alpha=0.5, learning_rate=0.1),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_rules_come_back_from_their_config(rule: Rule) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rule))
    assert type(again) is type(rule)
    assert again.get_config() == rule.get_config()
