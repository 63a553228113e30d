"""Confusion and IoU against counts by hand."""

from __future__ import annotations

import numpy as np

from tilesegm.training.score import count_confusion, intersection_over_union


def test_confusion_by_hand() -> None:
    truth = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    predicted = np.array([[0, 1, 1], [1, 0, 2]], np.uint8)
    confusion = count_confusion(truth, predicted, 3)
    np.testing.assert_array_equal(confusion, [[1, 1, 0], [0, 2, 0], [1, 0, 0]])
    np.testing.assert_allclose(intersection_over_union(confusion), [1 / 3, 2 / 3, 0])


def test_nodata_in_a_prediction_is_a_mistake() -> None:
    truth, predicted = np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 255]], np.uint8)
    confusion = count_confusion(truth, predicted, 2)
    assert confusion.sum() == 4
    assert intersection_over_union(confusion)[0] == 0.75


def test_a_class_that_never_occurs_has_no_iou() -> None:
    iou = intersection_over_union(np.array([[4, 0], [0, 0]]))
    assert iou[0] == 1
    assert np.isnan(iou[1])
