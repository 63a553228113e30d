"""Objects by hand and against labels of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from tests.metrics.maps import cut, random_maps
from tilesegm.metrics.objects import ObjectCounts, cut_objects, join_objects
from tilesegm.metrics.pair import make_pair


def count(truth: np.ndarray, predicted: np.ndarray, side: int) -> ObjectCounts:
    parts = cut(truth, predicted, 2, None, (side, side), 0)
    return join_objects({at: cut_objects(pair, (1,)) for at, pair in parts})


def test_by_hand() -> None:
    truth = np.zeros((10, 10), np.uint8)
    truth[1:4, 1:5] = 1  # 12 pixels, found with 9: IoU 0.75
    truth[6:8, 1:3] = 1  # 4 pixels, found with 2: IoU 0.5, which is not above one half
    predicted = np.zeros_like(truth)
    predicted[1:4, 1:4] = 1
    predicted[6:8, 1:2] = 1
    predicted[8, 8] = 1
    for side in (3, 4, 10):
        counts = count(truth, predicted, side)
        assert (counts.true[0], counts.predicted[0], counts.matched[0]) == (2, 3, 1)
        assert counts.f1[0] == 2 / 5
        assert counts.panoptic_quality[0] == pytest.approx(2 * 0.75 / 5)


def test_a_ring_is_one_object_and_corners_do_not_connect() -> None:
    ring = np.zeros((20, 20), np.uint8)
    ring[2:18, 2:18] = 1
    ring[3:17, 3:17] = 0
    assert count(ring, ring, 7).true[0] == 1
    steps = np.eye(8, dtype=np.uint8)
    assert count(steps, steps, 3).true[0] == 8


@pytest.mark.parametrize("seed", range(5))
def test_against_labels_of_the_whole_image(seed: int) -> None:
    truth, predicted = random_maps(seed, 90, 80, 2)
    true, n_true = scipy.ndimage.label(truth == 1)
    given_, n_given = scipy.ndimage.label(predicted == 1)
    quality = []
    for a in range(1, n_true + 1):
        for b in np.unique(given_[true == a]):
            both = ((true == a) & (given_ == b)).sum() if b else 0
            iou = both / ((true == a) | (given_ == b)).sum()
            quality += [iou] if iou > 0.5 else []
    counts = count(truth, predicted, 17)
    assert (counts.true[0], counts.predicted[0]) == (n_true, n_given)
    assert counts.matched[0] == len(quality)
    assert counts.quality[0] == pytest.approx(sum(quality))


def test_without_objects_nothing_is_known() -> None:
    empty = np.zeros((8, 8), np.uint8)
    assert np.isnan(count(empty, empty, 3).f1[0])
    wrong = empty.copy()
    wrong[2:4, 2:4] = 1
    found = count(empty, wrong, 3)
    assert found.predicted[0] == 1
    assert np.isnan([found.f1[0], found.panoptic_quality[0]]).all()
    assert count(wrong, empty, 3).f1[0] == 0


def test_ignored_pixels_belong_to_no_object() -> None:
    truth = np.ones((3, 9), np.uint8)
    truth[:, 4] = 255
    pair = make_pair(truth, np.ones_like(truth), 2)
    counts = join_objects({(0, 0): cut_objects(pair, (1,))})
    assert (counts.true[0], counts.predicted[0], counts.matched[0]) == (2, 2, 2)
