"""Weights of terms and pixels that follow the run: later terms, hard pixels, observed classes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from tests.losses.weighting_toy import Parabola
from tilesegm.errors import SettingsError
from tilesegm.losses.inputs import prepare_inputs
from tilesegm.losses.weighting import ClassFollowing, HardPixels, Later
from tilesegm.losses.weighting.hard_pixels import is_hard


def factors(rule: Later, terms: int = 2) -> list[list[float]]:
    rule.build((terms,))
    found = []
    for epoch in range(rule.epochs):
        rule.begin_epoch(epoch)
        found.append(rule.factors.numpy().tolist())
    return found


def test_later_terms_by_hand() -> None:
    # The ends of ten epochs are 0.1, 0.2, ... 1 of the run.
    late = [0, 0, 0, 0.5, 1, 1, 1, 1, 1, 1]
    rule = Later(10, begin=0.3, ramp=0.2)
    assert factors(rule) == [[1, pytest.approx(each, abs=1e-6)] for each in late]
    rule = Later(10, begin=0.3, ramp=0.2, rest=0.0, terms=2)
    expected = [[pytest.approx(1 - x, abs=1e-6), *2 * [pytest.approx(x, abs=1e-6)]] for x in late]
    assert factors(rule, 3) == expected
    assert factors(Later(4, begin=0.5, ramp=0.0)) == [[1, 0], [1, 0], [1, 1], [1, 1]]


@given(st.integers(1, 60), st.floats(0, 0.99), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_later_terms_count_in_full_in_the_end(epochs: int, begin: float, part: float) -> None:
    rule = Later(epochs, begin=begin, ramp=part * (1 - begin))
    values = [rule.factors_in(epoch, 2)[1] for epoch in range(epochs)]
    assert values[-1] == pytest.approx(1, abs=1e-6)
    assert values == sorted(values)


def test_later_refuses_what_cannot_be() -> None:
    with pytest.raises(SettingsError, match="never count in full; lower one"):
        Later(5, begin=0.6, ramp=0.5)
    with pytest.raises(SettingsError, match="begin is 1"):
        Later(5, begin=1.0)
    with pytest.raises(SettingsError, match=r"the last 1 of 1 terms \(parabola\).*none is left"):
        Later(5).check(1.0 * Parabola())
    Later(5).check(Parabola() + Parabola())


def test_hard_pixels_by_hand() -> None:
    found = np.array([[0.9, 0.1, 0.6, 0.8, 0.75, 0.0]], "float32")
    weight = np.array([[1, 1, 2, 1, 1, 0]], "float32")
    for threshold, keep, expected in (
        (0.7, 0.1, [0, 1, 1, 0, 0, 0]),
        (0.05, 0.1, [0, 1, 0, 0, 0, 0]),  # none is below: the worst sixth at least
        (0.05, 0.5, [0, 1, 1, 0, 0, 0]),  # 3 of the weight of 6
        (0.05, 0.51, [0, 1, 1, 0, 1, 0]),
        (0.0, 1.0, [1, 1, 1, 1, 1, 0]),
        (1.0, 0.1, [1, 1, 1, 1, 1, 0]),
    ):
        hard = ops.convert_to_numpy(is_hard(found, weight, threshold=threshold, keep=keep))
        assert hard.tolist() == [expected], (threshold, keep)


def test_no_pixel_is_hard_where_none_counts() -> None:
    zeros = np.zeros((1, 4), "float32")
    assert not ops.convert_to_numpy(is_hard(zeros, zeros, threshold=0.7, keep=0.1)).any()


@given(arrays(np.float32, (40,), elements=st.floats(0, 1, width=32)), st.floats(0.01, 1))
@settings(deadline=None, max_examples=60)
def test_the_fraction_is_kept(found: np.ndarray, keep: float) -> None:
    hard = ops.convert_to_numpy(is_hard(found, np.ones(40, "f4"), threshold=0.0, keep=keep))
    assert hard.sum() >= np.ceil(keep * 40 - 1e-3)
    # Without equals at the limit, no more than that.
    if len(np.unique(found)) == 40:
        assert hard.sum() <= np.ceil(keep * 40 + 1e-3)


def test_easy_pixels_lose_their_weight_over_the_warm_up() -> None:
    layer = HardPixels(10, threshold=0.7, keep=0.01, warm_up=0.4)
    assert [layer.easy_in(epoch) for epoch in range(6)] == [1, 0.75, 0.5, 0.25, 0, 0]
    labels = np.array([[[0, 1, 255]]])
    # Probabilities of class 1 of 0.88 everywhere: label 1 is easy, label 0 is not.
    batch = prepare_inputs(labels, np.full((1, 1, 3, 1), 2.0, "float32"), ignore=255)
    for epoch, expected in ((0, 1.0), (1, 0.75), (5, 0.0)):
        layer.begin_epoch(epoch)
        np.testing.assert_allclose(ops.convert_to_numpy(layer.weigh(batch)), [[[1, expected, 0]]])
    assert HardPixels(3, warm_up=0.0).easy_in(0) == 0


def test_no_gradient_passes_through_the_choice() -> None:
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    scores = tf.Variable(np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype("f4"))
    with tf.GradientTape() as tape:
        batch = prepare_inputs(np.zeros((1, 4, 4), int), scores)
        total = tf.reduce_sum(HardPixels(5).weigh(batch))
    gradient = tape.gradient(total, scores)
    assert gradient is None or not np.asarray(gradient).any()


def test_classes_follow_what_is_observed() -> None:
    layer = ClassFollowing(3)
    labels, logits = np.zeros((1, 2, 2), int), np.zeros((1, 2, 2, 3), "float32")
    batch = prepare_inputs(labels, logits)
    # A batch changes nothing.
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.weigh(batch, training=True)), 1)
    np.testing.assert_array_equal(np.asarray(layer.running), 0)
    # 1 - IoU is 1 - 6/9 and 1 - 1/4, over their mean 13/24; class 2 is nowhere. The counts are
    # such that float32 could not hold them.
    counts = np.array([[6, 2, 0], [1, 1, 0], [0, 0, 0]], np.int64) * (2**40 + 1)
    layer.observe(counts)
    weights = ops.convert_to_numpy(layer.weights_now())
    np.testing.assert_allclose(weights, [8 / 13, 18 / 13, 1.0], rtol=1e-5)
    # Half of what was stays: (6, 2, 1, 1) / 10 and (0, 0, 0, 1) give IoU 6/9 and 11/14.
    layer.observe([[0, 0, 0], [0, 5, 0], [0, 0, 0]])
    errors = np.array([1 / 3, 3 / 14])
    weights = ops.convert_to_numpy(layer.weights_now())
    np.testing.assert_allclose(weights[:2], errors / errors.mean(), rtol=1e-5)
    layer.observe(np.zeros((3, 3), int))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.weights_now()), weights)


@pytest.mark.parametrize(
    "part", [Later(7, rest=0.5), HardPixels(7, keep=0.3), ClassFollowing(4, ratio=3.0)]
)
def test_they_come_back_from_their_config(part: keras.layers.Layer) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(part))
    assert again.get_config() == part.get_config()
