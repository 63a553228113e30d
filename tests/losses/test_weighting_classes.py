"""Class weights from the running confusion."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.inputs import prepare_inputs
from tilesegm.losses.weighting import ClassAdaptive
from tilesegm.losses.weighting.class_adaptive import confusion, error_weights

# Class 0: 6 of 8 right; class 1: 1 of 2 right, 2 false alarms; class 2 is nowhere.
SHARES = np.array([[0.6, 0.2, 0.0], [0.1, 0.1, 0.0], [0.0, 0.0, 0.0]], "float32")


def weights(**arguments: object) -> np.ndarray:
    return ops.convert_to_numpy(error_weights(SHARES, **arguments))


def test_confusion_counts_pixels_that_are_there() -> None:
    truth = np.array([[0, 0, 1, 1, 1]])
    shares = confusion(
        np.eye(2, dtype="float32")[truth],
        np.array([[0, 1, 1, 1, 0]]),
        np.array([[1.0, 3.0, 1.0, 0.5, 0.0]], "float32"),
    )
    np.testing.assert_allclose(ops.convert_to_numpy(shares), [[0.25, 0.25], [0.0, 0.5]])


def test_confusion_of_nothing_is_zero() -> None:
    shares = confusion(np.zeros((1, 2, 2)), np.zeros((1, 2), int), np.zeros((1, 2)))
    assert not ops.convert_to_numpy(shares).any()


def test_weights_by_hand() -> None:
    # 1 - IoU: 1 - 0.6/0.9 = 1/3 and 1 - 0.1/0.4 = 3/4, over their mean 13/24.
    np.testing.assert_allclose(weights(), [8 / 13, 18 / 13, 1.0], rtol=1e-5)
    # 1 - recall: 1/4 and 1/2.
    np.testing.assert_allclose(weights(score="recall"), [2 / 3, 4 / 3, 1.0], rtol=1e-5)


def test_ratio_is_capped() -> None:
    np.testing.assert_allclose(weights(ratio=1.5), [0.8, 1.2, 1.0], rtol=1e-5)


@pytest.mark.parametrize("shares", [np.zeros((2, 2)), np.diag([0.5, 0.5])])
def test_nothing_seen_and_nothing_wrong_weigh_alike(shares: np.ndarray) -> None:
    np.testing.assert_allclose(
        ops.convert_to_numpy(error_weights(shares.astype("float32"))), [1.0, 1.0]
    )


@given(
    arrays(np.float32, (4, 4), elements=st.floats(0, 1, width=32)), st.sampled_from([1.0, 3.0, 9.0])
)
@settings(deadline=None, max_examples=50)
def test_weights_are_bounded_and_have_the_mean_one(counts: np.ndarray, ratio: float) -> None:
    seen = counts.sum(axis=1) > 0
    values = ops.convert_to_numpy(error_weights(counts, ratio=ratio))
    assert np.isfinite(values).all()
    assert (values[~seen] == 1.0).all()
    if seen.any():
        assert values[seen].mean() == pytest.approx(1.0, abs=1e-4)
        assert values[seen].max() <= values[seen].min() * ratio * 1.0001


def test_weights_of_a_step_come_from_the_steps_before() -> None:
    layer = ClassAdaptive(2, momentum=0.5)
    y_true = np.array([[[0, 0, 1, 255]]])
    logits = np.array([[[[3.0, 0.0], [0.0, 3.0], [0.0, 3.0], [0.0, 3.0]]]], "float32")
    batch = prepare_inputs(y_true, logits, ignore=255)
    first = ops.convert_to_numpy(layer.weigh(batch, training=True))
    np.testing.assert_allclose(first, [[[1.0, 1.0, 1.0, 0.0]]])
    np.testing.assert_allclose(np.asarray(layer.running), np.array([[1, 1], [0, 1]]) / 3, rtol=1e-6)
    # Both classes now have IoU 1/2.
    np.testing.assert_allclose(ops.convert_to_numpy(layer.weights_now()), 1.0, rtol=1e-6)
    layer.weigh(prepare_inputs(y_true[..., :1], logits[..., 1:2, :]), training=False)
    np.testing.assert_allclose(np.asarray(layer.running), np.array([[1, 1], [0, 1]]) / 3, rtol=1e-6)
    layer.weigh(
        prepare_inputs(y_true[..., :1], logits[..., 1:2, :]), training=True
    )  # all 0 taken for 1
    np.testing.assert_allclose(np.asarray(layer.running), np.array([[1, 4], [0, 1]]) / 6, rtol=1e-6)
    # 1 - IoU: 4/5 and 4/5; recall tells them apart.
    layer.score = "recall"
    last = ops.convert_to_numpy(layer.weigh(batch, training=False))
    np.testing.assert_allclose(last[0, 0, 0], 2 / (1 + 0.1), rtol=1e-5)


def test_an_empty_batch_leaves_the_memory_alone() -> None:
    layer = ClassAdaptive(2)
    layer.running.assign([[0.5, 0.2], [0.2, 0.1]])
    layer.weigh(
        prepare_inputs(np.full((1, 2, 2), 9), np.zeros((1, 2, 2, 2)), ignore=9), training=True
    )
    np.testing.assert_allclose(np.asarray(layer.running), [[0.5, 0.2], [0.2, 0.1]])


def test_refusals() -> None:
    with pytest.raises(SettingsError, match="classes >= 2"):
        ClassAdaptive(1)
    with pytest.raises(SettingsError, match="score 'iou' or 'recall'"):
        ClassAdaptive(3, score="f1")
    with pytest.raises(SettingsError, match="y_pred has 3 classes, ClassAdaptive 2"):
        ClassAdaptive(2).weigh(
            prepare_inputs(np.zeros((1, 2, 2), int), np.zeros((1, 2, 2, 3))), True
        )


def test_round_trip_of_the_config() -> None:
    layer = ClassAdaptive(5, score="recall", momentum=0.5, ratio=3.0)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
