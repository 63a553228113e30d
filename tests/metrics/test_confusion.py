"""Confusion and its scores, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tilesegm.metrics.confusion import Scores, count_confusion, count_pairs


def test_pairs_by_hand() -> None:
    truth = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    predicted = np.array([[0, 1, 1], [1, 255, 2]], np.uint8)
    np.testing.assert_array_equal(
        count_pairs(truth, predicted, 3), [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]]
    )
    np.testing.assert_array_equal(
        count_confusion(truth, predicted, 3), [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    )


def test_a_prediction_that_is_no_class_is_wrong_and_no_other_class() -> None:
    scores = Scores(count_pairs(np.zeros(4, np.uint8), np.array([0, 0, 0, 9], np.uint8), 2))
    assert scores.iou[0] == scores.recall[0] == scores.accuracy == 0.75
    assert scores.precision[0] == 1
    assert np.isnan(scores.iou[1])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    classes=st.sampled_from([1, 2, 7, 15, 16, 40, 255, 300]),
    dtype=st.sampled_from(["u1", "u2", "i2", "i4", "i8"]),
)
def test_counts_of_any_type_are_those_of_plain_loops(seed: int, classes: int, dtype: str) -> None:
    random = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -3), min(limits.max, classes + 3)
    truth, predicted = random.integers(low, high, (2, 40, 7), endpoint=True).astype(dtype)
    expected = np.zeros((classes, classes + 1), np.int64)
    for true, given_ in zip(truth.ravel(), predicted.ravel(), strict=True):
        if 0 <= true < classes:
            expected[true, given_ if 0 <= given_ < classes else classes] += 1
    np.testing.assert_array_equal(count_pairs(truth, predicted, classes), expected)


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 5, 4000)
    predicted = np.where(random.random(4000) < 0.6, truth, random.integers(0, 5, 4000))
    confusion = count_confusion(truth, predicted, 5)
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(truth, predicted))
    scores = Scores(confusion)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores.kappa == pytest.approx(metrics.cohen_kappa_score(truth, predicted))
    for average, ours in (
        (None, scores.iou),
        ("macro", scores.mean_iou),
        ("micro", scores.micro_iou),
        ("weighted", scores.frequency_weighted_iou),
    ):
        expected = metrics.jaccard_score(truth, predicted, average=average)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    for average, ours in (
        (None, scores.dice),
        ("macro", scores.mean_dice),
        ("micro", scores.micro_dice),
    ):
        expected = metrics.f1_score(truth, predicted, average=average)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    np.testing.assert_allclose(
        scores.precision, metrics.precision_score(truth, predicted, average=None)
    )
    np.testing.assert_allclose(scores.recall, metrics.recall_score(truth, predicted, average=None))


def test_classes_that_are_not_there_have_no_score_and_do_not_count_in_means() -> None:
    scores = Scores(np.array([[6, 0, 0], [0, 0, 0], [2, 0, 0]]))
    np.testing.assert_array_equal(scores.iou, [0.75, np.nan, 0])
    np.testing.assert_array_equal(scores.precision, [0.75, np.nan, np.nan])
    np.testing.assert_array_equal(scores.recall, [1, np.nan, 0])
    assert scores.mean_iou == 0.375


def test_without_pixels_nothing_is_known() -> None:
    scores = Scores(np.zeros((2, 2), np.int64))
    for value in (scores.accuracy, scores.kappa, scores.mean_iou, scores.micro_dice):
        assert np.isnan(value)


def test_counts_beyond_32_bits_stay_exact() -> None:
    half = np.array([[2**62, 1], [3, 2**31]])
    total = Scores(half + np.array([[1, 2**33], [0, 0]]))
    assert total.pixels == 2**62 + 1 + 1 + 2**33 + 3 + 2**31
    assert total.right.tolist() == [2**62 + 1, 2**31]


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        count_pairs(np.zeros(2, int), np.zeros(3, int), 2)
