"""Calibration and thresholds, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from tilesegm.metrics.calibration import ConfidenceCounts, count_confidence, count_scores


def test_reliability_by_hand() -> None:
    # Ten levels: three pixels at 0.8 of which two are right, and one at 0.2, which is wrong.
    counts = ConfidenceCounts(
        right=np.array([0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]),
        all=np.array([0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0]),
    )
    rows = counts.reliability(5)
    np.testing.assert_allclose(rows[0], [0.2, 0, 0.25])
    np.testing.assert_allclose(rows[3], [0.8, 2 / 3, 0.75])
    assert np.isnan(rows[1, 0])
    assert counts.expected_calibration_error(5) == pytest.approx(0.75 * (0.8 - 2 / 3) + 0.25 * 0.2)


def test_error_of_a_direct_computation() -> None:
    random = np.random.default_rng(0)
    levels = random.integers(0, 255, (80, 90)).astype(np.uint8)
    right = random.random(levels.shape) < (levels / 254) ** 2
    known = random.random(levels.shape) < 0.9
    counts = count_confidence(levels, right, known, 254)
    confidence, correct = levels[known] / 254, right[known]
    expected = 0.0
    for low in range(15):
        mine = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        mine |= (confidence == 0) & (low == 0)
        expected += mine.mean() * abs(confidence[mine].mean() - correct[mine].mean())
    assert counts.expected_calibration_error(15) == pytest.approx(expected, abs=1e-12)


def test_curves_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    levels = random.integers(0, 255, (60, 70, 2)).astype(np.uint8)
    truth = (random.random(levels.shape[:2]) < levels[..., 1] / 254).astype(np.uint8)
    known = np.ones(truth.shape, bool)
    curve = count_scores(levels, truth, known, 254).curve(1)
    positive, score = truth.ravel() == 1, levels[..., 1].ravel() / 254
    precision, recall, thresholds = metrics.precision_recall_curve(positive, score)
    at = np.rint(thresholds * 254).astype(int)
    np.testing.assert_allclose(curve.precision[at], precision[:-1])
    np.testing.assert_allclose(curve.recall[at], recall[:-1])
    assert curve.average_precision == pytest.approx(
        metrics.average_precision_score(positive, score)
    )
    best = curve.threshold[curve.best]
    assert curve.f1[curve.best] == pytest.approx(metrics.f1_score(positive, score >= best))
    assert curve.iou[curve.best] == pytest.approx(metrics.jaccard_score(positive, score >= best))


def test_counts_of_parts_add_up() -> None:
    random = np.random.default_rng(2)
    levels = random.integers(0, 4097, (40, 50)).astype(np.uint16)
    right, known = random.random((2, 40, 50)) < 0.7
    whole = count_confidence(levels, right, known, 4096)
    upper = count_confidence(levels[:13], right[:13], known[:13], 4096)
    lower = count_confidence(levels[13:], right[13:], known[13:], 4096)
    np.testing.assert_array_equal((upper + lower).right, whole.right)
    np.testing.assert_array_equal((upper + lower).all, whole.all)
    assert whole.all.sum() == known.sum()
