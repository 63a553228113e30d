"""Skeletons and clDice, by hand and against scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.morphology
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.maps import random_maps
from tests.metrics.test_bands import read
from tilesegm.metrics.pair import make_pair
from tilesegm.metrics.skeleton import count_skeletons, skeletonise


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rounds=st.sampled_from([1, 2, 5, 60]))
def test_skeletons_are_those_of_scikit_image(seed: int, rounds: int) -> None:
    mask = random_maps(seed, 61, 47, 2)[0] == 1
    thin, rest = skeletonise(mask, rounds)
    np.testing.assert_array_equal(thin, skimage.morphology.thin(mask, max_num_iter=rounds))
    further = skimage.morphology.thin(mask, max_num_iter=rounds + 1)
    assert rest == thin.sum() - further.sum()


def test_what_rounds_have_not_finished_is_counted() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:35, 5:55] = True
    thin, rest = skeletonise(mask, 5)
    assert rest > 0
    assert thin.sum() - rest == skeletonise(mask, 6)[0].sum()


def test_cldice_by_hand() -> None:
    truth = np.zeros((12, 30), np.uint8)
    truth[4:7, 2:28] = 1
    predicted = np.zeros_like(truth)
    predicted[4:7, 2:15] = 1
    counts = count_skeletons(make_pair(truth, predicted, 2), (1,), 8)
    # Centre lines run along row 5; that of the prediction lies inside the truth.
    assert counts.predicted_right[0] == counts.predicted[0]
    found = counts.true_found[0] / counts.true[0]
    assert 0.4 < found < 0.6
    assert counts.cldice[0] == 2 * found / (1 + found)


def test_a_class_that_the_truth_lacks_has_no_score_and_a_missed_one_scores_zero() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[4] = 1
    counts = count_skeletons(make_pair(truth, np.zeros_like(truth), 3), (1, 2), 4)
    np.testing.assert_array_equal(counts.cldice, [0, np.nan])
    counts = count_skeletons(make_pair(np.zeros_like(truth), truth, 3), (1, 2), 4)
    np.testing.assert_array_equal(counts.cldice, [np.nan, np.nan])


def test_real_vessels_give_what_scikit_image_gives(shared_data: Path) -> None:
    files = sorted((shared_data / "drive" / "training" / "1st_manual").iterdir())[:2]
    true, given_ = (read(file)[:400, :400] == 1 for file in files)
    counts = count_skeletons(make_pair(true.astype(np.uint8), given_.astype(np.uint8), 2), (1,), 20)
    thin_true, thin_given = (skimage.morphology.thin(one) for one in (true, given_))
    found = (thin_true & given_).sum() / thin_true.sum()
    right = (thin_given & true).sum() / thin_given.sum()
    assert counts.unfinished[0] == 0
    assert counts.cldice[0] == pytest.approx(2 * found * right / (found + right), abs=1e-12)
