"""Labels, scores and weights in one form."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilesegm.errors import InputError
from tilesegm.losses.inputs import prepare_inputs

SCORES = np.zeros((1, 2, 2, 3), np.float32)


def numbers(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def test_ids_become_one_hot_and_ignored_pixels_weigh_nothing() -> None:
    batch = prepare_inputs(np.uint8([[[0, 2], [255, 1]]]), SCORES, ignore=255)
    expected = [[[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]]]
    np.testing.assert_array_equal(numbers(batch.target), expected)
    np.testing.assert_array_equal(numbers(batch.weight), [[[1, 1], [0, 1]]])


def test_an_ignored_class_inside_the_range_is_ignored_in_both_forms_of_labels() -> None:
    ids = np.int64([[[0, 2], [1, 1]]])
    for labels in (ids, np.eye(3)[ids]):
        weight = numbers(prepare_inputs(labels, SCORES, ignore=1).weight)
        np.testing.assert_array_equal(weight, [[[1, 1], [0, 0]]])


def test_a_soft_label_is_ignored_where_the_ignored_class_holds_more_than_half() -> None:
    labels = np.float32([[[[0.5, 0.5, 0], [0.4, 0.6, 0]], [[1, 0, 0], [0, 0, 0]]]])
    weight = numbers(prepare_inputs(labels, SCORES, ignore=1).weight)
    np.testing.assert_array_equal(weight, [[[1, 0], [1, 0]]])


def test_binary_labels_may_be_fractions() -> None:
    labels = np.float32([[[0.0, 0.25], [1.0, 255.0]]])
    batch = prepare_inputs(labels, SCORES[..., :1], ignore=255)
    np.testing.assert_array_equal(numbers(batch.target)[0, ..., 0], [[0, 0.25], [1, 0]])
    classes = numbers(batch.classes)[0]
    np.testing.assert_array_equal(classes, [[[1, 0], [0.75, 0.25]], [[0, 1], [0, 0]]])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("wrong", [-1, 3])
def test_ids_out_of_range_are_an_error_outside_a_graph(channels: int, wrong: int) -> None:
    with pytest.raises(InputError, match=f"holds the label {wrong}"):
        prepare_inputs(np.full((1, 2, 2), wrong), SCORES[..., :channels])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces a TensorFlow graph")
@pytest.mark.parametrize("channels", [1, 3])
def test_ids_out_of_range_weigh_nothing_inside_a_graph(channels: int) -> None:
    import tensorflow as tf

    labels = tf.constant([[[0, -1], [7, 1]]])
    weigh = tf.function(lambda y: prepare_inputs(y, SCORES[..., :channels]).weight, autograph=False)
    np.testing.assert_array_equal(numbers(weigh(labels)), [[[1, 0], [0, 1]]])


def test_a_label_that_is_no_number_is_an_error() -> None:
    with pytest.raises(InputError, match="holds the label nan"):
        prepare_inputs(np.full((1, 2, 2), np.nan), SCORES[..., :1])


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1), (1, 2, 2), (1, 2, 2, 1), (1, 1, 2)], ids=str)
def test_weights_broadcast_to_pixels(shape: tuple[int, ...]) -> None:
    batch = prepare_inputs(np.zeros((1, 2, 2), int), SCORES, np.full(shape, 3.0))
    np.testing.assert_array_equal(numbers(batch.weight), np.full((1, 2, 2), 3.0))


@pytest.mark.parametrize("shape", [(), (2,), (1, 2), (1, 2, 3), (1, 2, 2, 3)], ids=str)
def test_weights_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="sample_weight has shape"):
        prepare_inputs(np.zeros((1, 2, 2), int), SCORES, np.ones(shape))


@settings(max_examples=30, deadline=None)
@given(logit=st.floats(-80, 80), channels=st.sampled_from([1, 2, 4]))
def test_log_probability_is_the_logarithm_of_probability(logit: float, channels: int) -> None:
    scores = np.zeros((1, 1, 1, channels), np.float32)
    scores[..., -1] = logit
    batch = prepare_inputs(np.zeros((1, 1, 1), int), scores)
    exact = -np.logaddexp(0.0, np.log(max(channels - 1, 1)) - np.float64(np.float32(logit)))
    log_probability = numbers(batch.log_probability)[..., -1].item()
    assert log_probability == pytest.approx(exact, rel=1e-5, abs=1e-6)
    assert numbers(batch.probability)[..., -1].item() == pytest.approx(np.exp(exact), rel=1e-5)
    assert numbers(batch.log_probability).shape[-1] == max(channels, 2)
