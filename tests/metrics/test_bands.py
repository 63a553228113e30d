"""Boundary IoU and accuracy by depth, by hand and against erosion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.metrics.maps import random_maps
from tilesegm.metrics.bands import DEPTHS, border_depth, count_bands, count_depths
from tilesegm.metrics.pair import make_pair


def band(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Boundary region as the paper's code has it: the mask without its erosion by squares.

    The edge of the image does not erode, for it is no border of an object.
    """
    square = np.ones((3, 3), bool)
    return mask & ~scipy.ndimage.binary_erosion(mask, square, radius, border_value=1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), radius=st.integers(1, 20))
def test_boundary_iou_is_that_of_eroded_masks(seed: int, radius: int) -> None:
    truth, predicted = random_maps(seed, 41, 57, 3)
    counts = count_bands(make_pair(truth, predicted, 3), radius)
    for number in range(3):
        true, given_ = band(truth == number, radius), band(predicted == number, radius)
        assert counts.both[number] == (true & given_).sum()
        assert counts.true[number] == true.sum()
        assert counts.predicted[number] == given_.sum()
        if true.any():
            assert counts.iou[number] == (true & given_).sum() / (true | given_).sum()
        else:
            assert np.isnan(counts.iou[number])


def test_a_square_by_hand() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[2:7, 2:7] = 1
    predicted = np.zeros((9, 9), np.uint8)
    predicted[2:7, 3:8] = 1
    counts = count_bands(make_pair(truth, predicted, 2), 1)
    # Rings of 16 pixels: rows 2 and 6 share four columns; of the sides none lie on one another.
    assert (counts.both[1], counts.true[1], counts.predicted[1]) == (8, 16, 16)
    assert counts.iou[1] == 8 / 24


def test_a_border_that_the_truth_does_not_have_is_not_measured() -> None:
    predicted = np.zeros((9, 9), np.uint8)
    predicted[2:7, 2:7] = 1
    assert np.isnan(count_bands(make_pair(np.zeros_like(predicted), predicted, 2), 1).iou).all()


def test_unknown_pixels_make_no_border() -> None:
    truth = np.array([[0, 0, 255, 1, 1], [0, 0, 255, 1, 1]], np.uint8)
    counts = count_bands(make_pair(truth, truth, 2), 1)
    assert not counts.true.any()
    assert np.isnan(counts.iou).all()
    # Further away the other class is seen across the unknown column.
    assert count_bands(make_pair(truth, truth, 2), 2).true.tolist() == [2, 2]


def test_depth_is_the_chessboard_distance_to_another_class() -> None:
    truth, _ = random_maps(3, 60, 50, 4)
    distance = np.zeros(truth.shape)
    for number in range(4):
        mine = truth == number
        distance[mine] = scipy.ndimage.distance_transform_cdt(mine, "chessboard")[mine]
    np.testing.assert_array_equal(border_depth(truth, DEPTHS), np.searchsorted(DEPTHS, distance))


def test_accuracy_by_depth_by_hand() -> None:
    truth = np.array([[0, 0, 0, 1, 1, 1]], np.uint8)
    predicted = np.array([[0, 0, 1, 1, 1, 9]], np.uint8)
    counts = count_depths(make_pair(truth, predicted, 2))
    assert counts.all.tolist() == [2, 2, 2, 0, 0, 0]
    assert counts.right.tolist() == [1, 2, 1, 0, 0, 0]


@pytest.mark.parametrize("radius", [1, 3, 15])
def test_on_real_membranes(shared_data: Path, radius: int) -> None:
    truth = read(shared_data / "isbi2012" / "label" / "0.png")
    predicted = scipy.ndimage.median_filter(truth, 5)
    counts = count_bands(make_pair(truth, predicted, 2), radius)
    true, given_ = band(truth == 1, radius), band(predicted == 1, radius)
    assert counts.iou[1] == (true & given_).sum() / (true | given_).sum()


def read(path: Path) -> NDArray[np.uint8]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as file:
            return (file.read(1) > 127).astype(np.uint8)
