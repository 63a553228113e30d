"""Surface distances by hand, against distance transforms of the whole image, and MONAI."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.metrics.maps import random_maps
from tests.metrics.test_bands import read
from tilesegm.metrics.pair import make_pair
from tilesegm.metrics.surfaces import SurfaceCounts, count_surfaces, squared_distances


def edges(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Border pixels of a mask; the edge of the image is none."""
    return mask & ~scipy.ndimage.binary_erosion(mask, border_value=1)


def distances(truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Distances of both borders to the other one, by transforms of the whole image."""
    mine, yours = edges(truth), edges(predicted)
    found = []
    for a, b in ((mine, yours), (yours, mine)):
        away = scipy.ndimage.distance_transform_edt(~b) if b.any() else np.full(b.shape, np.inf)
        found.append(away[a])
    return found


def check(truth: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int, cap: int) -> None:
    """Compare all scores with those of whole-image distance transforms."""
    counts = count_surfaces(make_pair(truth, predicted, classes), cap)
    for number in range(classes):
        there, back = distances(truth == number, predicted == number)
        if not there.size:
            scores = (counts.surface_dice(1), counts.boundary_f1(1), counts.hausdorff())
            assert np.isnan([score[number] for score in scores]).all()
            continue
        for tolerance in (0, 1, 1.5, cap):
            near = [(d <= tolerance).sum() for d in (there, back)]
            dice = sum(near) / (there.size + back.size)
            assert counts.surface_dice(tolerance)[number] == dice
            parts = [n / d.size if d.size else 0 for n, d in zip(near, (there, back), strict=True)]
            f1 = 2 * parts[0] * parts[1] / sum(parts) if sum(parts) else 0
            assert counts.boundary_f1(tolerance)[number] == pytest.approx(f1, abs=1e-12)
        # A distance above the cap is not told from an infinite one.
        if there.size and back.size:
            with np.errstate(invalid="ignore"), warnings.catch_warnings():
                ends = [np.percentile(d, 95) for d in (there, back)]
            expected = max(ends)
            ours = counts.hausdorff(95)[number]
            ceiling = max(np.sort(d)[int(np.ceil((d.size - 1) * 0.95))] for d in (there, back))
            if ceiling <= cap:
                assert ours == pytest.approx(expected, rel=1e-12)
            else:
                assert ours == np.inf
        else:
            assert counts.hausdorff(95)[number] == np.inf


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), cap=st.integers(2, 40))
def test_scores_are_those_of_distance_transforms(seed: int, cap: int) -> None:
    check(*random_maps(seed, 43, 51, 3), 3, cap)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), cap=st.integers(1, 70))
def test_searched_distances_are_those_of_a_distance_transform(seed: int, cap: int) -> None:
    random = np.random.default_rng(seed)
    target = random.random((60, 70)) < 0.002
    rows, cols = random.integers(0, 60, 200), random.integers(0, 70, 200)
    if target.any():
        exact = np.rint(scipy.ndimage.distance_transform_edt(~target)[rows, cols] ** 2)
    else:
        exact = np.full(200, np.inf)
    found = squared_distances(target, rows, cols, cap)
    np.testing.assert_array_equal(found, np.minimum(exact, cap * cap + 1))


def test_two_lines_by_hand() -> None:
    truth = np.zeros((9, 20), np.uint8)
    truth[2] = 1
    predicted = np.zeros((9, 20), np.uint8)
    predicted[5] = 1
    counts = count_surfaces(make_pair(truth, predicted, 2), 8)
    assert counts.true[1, 9] == counts.predicted[1, 9] == 20
    assert counts.surface_dice(2.9)[1] == counts.boundary_f1(2.9)[1] == 0
    assert counts.surface_dice(3)[1] == counts.boundary_f1(3)[1] == 1
    assert counts.hausdorff()[1] == 3
    assert count_surfaces(make_pair(truth, predicted, 2), 2).hausdorff()[1] == np.inf


def test_a_class_in_one_map_only_is_never_near() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[3:6, 3:6] = 1
    counts = count_surfaces(make_pair(truth, np.zeros_like(truth), 3), 8)
    np.testing.assert_array_equal(counts.surface_dice(8)[1:], [0, np.nan])
    np.testing.assert_array_equal(counts.boundary_f1(8)[1:], [0, np.nan])
    np.testing.assert_array_equal(counts.hausdorff()[1:], [np.inf, np.nan])


def test_borders_that_the_truth_does_not_have_are_not_measured() -> None:
    predicted = np.zeros((9, 9), np.uint8)
    predicted[3:6, 3:6] = 1
    counts = count_surfaces(make_pair(np.zeros_like(predicted), predicted, 2), 8)
    for scores in (counts.surface_dice(8), counts.boundary_f1(8), counts.hausdorff()):
        assert np.isnan(scores).all()


def test_tolerances_above_the_cap_are_refused() -> None:
    counts = SurfaceCounts(np.zeros((1, 18), np.int64), np.zeros((1, 18), np.int64))
    assert counts.cap == 4
    with pytest.raises(ValueError, match="from 0 to 4"):
        counts.surface_dice(5)


@pytest.mark.parametrize("name", ["isbi2012/label/0.png", "isbi2012/label/17.png"])
def test_on_real_membranes(shared_data: Path, name: str) -> None:
    truth = read(shared_data / name)[:256, :256]
    check(truth, scipy.ndimage.median_filter(truth, 7), 2, 30)


def test_monai_agrees() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monai = pytest.importorskip("monai.metrics")
        torch = pytest.importorskip("torch")
    for seed in range(4):
        # A frame of background: MONAI takes the image's edge for a border.
        truth, predicted = (np.pad(ids, 2) for ids in random_maps(seed, 60, 70, 3))
        counts = count_surfaces(make_pair(truth, predicted, 3), 60)
        planes = [
            torch.from_numpy(np.stack([ids == n for n in range(3)])[None].astype(np.float32))
            for ids in (predicted, truth)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hausdorff = monai.compute_hausdorff_distance(*planes, percentile=95)[0].numpy()
            dice = monai.compute_surface_dice(*planes, [2.0, 2.0])[0].numpy()
        # MONAI computes in 32 bits.
        np.testing.assert_allclose(counts.hausdorff()[1:], hausdorff, rtol=1e-4)
        np.testing.assert_allclose(counts.surface_dice(2)[1:], dice, rtol=1e-6)
