"""Border weight maps, beside the formula computed over the whole image for each object."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from tilesegm.data.border_weights import (
    border_distances,
    falk_weights,
    ronneberger_weights,
    separate_instances,
)
from tilesegm.errors import InputError


def naive_distances(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ids = [i for i in np.unique(instances) if i]
    far = [np.full(instances.shape, np.inf)] * 2
    stack = [ndimage.distance_transform_edt(instances != i) for i in ids]
    nearest = np.sort(np.stack(stack + far), axis=0)
    return nearest[0], nearest[1]


def naive_ronneberger(instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    d1, d2 = naive_distances(instances)
    foreground = instances > 0
    background = ~foreground
    shares = np.where(foreground, foreground.mean(), background.mean())
    balance = 0.5 / shares if foreground.any() and background.any() else np.ones(shares.shape)
    return balance + background * w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))


def naive_falk(instances: np.ndarray) -> np.ndarray:
    d1, d2 = naive_distances(instances)
    ridge = 50.0 * np.exp(-((d1 + d2) ** 2) / (2 * 6.0**2))
    near = 0.9 * np.exp(-(d1**2) / (2 * 10.0**2))
    return np.where(instances > 0, 1.0, 0.1 + near + ridge)


def blobs(seed: int, shape: tuple[int, int] = (60, 80), spread: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.label(ndimage.gaussian_filter(noise, spread) > 0.1)[0].astype(np.int32)


def test_weights_by_hand() -> None:
    row = np.array([[1, 1, 0, 0, 0, 2]])
    got = ronneberger_weights(row, w0=10.0, sigma=2.0, class_weights=(1.0, 3.0))
    # In the gap of three pixels, d1 + d2 is 1 + 3, 2 + 2 and 3 + 1.
    ridge = 1.0 + 10.0 * math.exp(-(4**2) / (2 * 2.0**2))
    np.testing.assert_allclose(got, [[3, 3, ridge, ridge, ridge, 3]], atol=1e-4)
    falk = falk_weights(row, sigma=2.0, strength=50.0, balance=0.1, falloff=5.0)
    middle = 0.1 + 0.9 * math.exp(-(2**2) / (2 * 5.0**2)) + 50.0 * math.exp(-2.0)
    assert falk[0, 3] == pytest.approx(middle, abs=2e-4)
    np.testing.assert_array_equal(falk[0, [0, 1, 5]], 1.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 4.0]))
def test_equals_the_naive_computation(seed: int, spread: float) -> None:
    instances = blobs(seed, spread=spread)
    np.testing.assert_allclose(
        ronneberger_weights(instances), naive_ronneberger(instances), atol=1.1e-4
    )
    np.testing.assert_allclose(falk_weights(instances), naive_falk(instances), atol=2.1e-4)


def test_error_follows_the_tolerance() -> None:
    instances = np.zeros((40, 120), np.int32)
    instances[20, 20], instances[20, 70] = 1, 2
    exact = naive_ronneberger(instances, sigma=15.0)
    errors = [
        np.abs(ronneberger_weights(instances, sigma=15.0, tolerance=tolerance) - exact).max()
        for tolerance in (0.1, 1e-2, 1e-5)
    ]
    assert 1e-2 < errors[0] <= 0.1
    assert 1e-4 < errors[1] <= 1e-2
    assert errors[2] <= 2e-5


def test_distances_beyond_the_radius_are_infinite() -> None:
    instances = np.zeros((9, 40), np.int32)
    instances[4, 2], instances[4, 12] = 1, 2
    d1, d2 = border_distances(instances, 10.0)
    assert (d1[4, 7], d2[4, 7]) == (5.0, 5.0)
    assert (d1[4, 22], d2[4, 22]) == (10.0, np.inf)
    assert np.isinf(d1[4, 30])


def test_masks_and_ids_agree_and_masks_may_overlap() -> None:
    instances = blobs(5)
    masks = [instances == i for i in range(1, instances.max() + 1)]
    np.testing.assert_array_equal(ronneberger_weights(masks), ronneberger_weights(instances))
    one, other = np.zeros((2, 8, 20), bool)
    one[:, :12], other[:, 8:16] = True, True
    d1, d2 = border_distances([one, other], 20.0)
    assert (d1[0, 9], d2[0, 9]) == (0.0, 0.0)
    assert (d1[0, 18], d2[0, 18]) == (3.0, 7.0)


def test_numbers_of_instances_do_not_matter() -> None:
    instances = blobs(6).astype(np.int64)
    np.testing.assert_array_equal(
        ronneberger_weights(instances * 10**9), ronneberger_weights(instances)
    )
    np.testing.assert_array_equal(
        ronneberger_weights(instances.astype(np.uint16)), ronneberger_weights(instances)
    )


def test_fewer_than_two_objects_make_no_ridge() -> None:
    empty = np.zeros((6, 7), np.int32)
    np.testing.assert_array_equal(ronneberger_weights(empty), 1.0)
    np.testing.assert_allclose(falk_weights(empty), 0.1, rtol=1e-6)
    alone = empty.copy()
    alone[2:4, 3:5] = 1
    weights = ronneberger_weights(alone)
    assert len(np.unique(weights)) == 2
    assert weights.mean() == pytest.approx(1.0)
    np.testing.assert_array_equal(ronneberger_weights(np.ones((3, 3), np.int32)), 1.0)


def test_computing_after_a_flip_is_flipping_the_weights() -> None:
    instances = blobs(7)
    weights = ronneberger_weights(instances)
    np.testing.assert_array_equal(ronneberger_weights(instances[::-1]), weights[::-1])
    np.testing.assert_array_equal(ronneberger_weights(np.rot90(instances)), np.rot90(weights))


def test_touching_objects_are_separated() -> None:
    touching = np.zeros((5, 9), np.uint8)
    touching[1:4, 1:4], touching[1:4, 4:8] = 255, 7
    apart = separate_instances(touching)
    expected = touching.copy()
    expected[1:4, 3:5] = 0
    np.testing.assert_array_equal(apart, expected)
    assert apart.dtype == np.uint8
    np.testing.assert_array_equal(falk_weights(touching)[1:4, 3:5], 1.0)
    assert falk_weights(apart)[1:4, 3:5].min() > 40


def test_real_nuclei_match_the_naive_computation(shared_data: Path) -> None:
    folder = sorted((shared_data / "dsb2018").iterdir())[1]
    masks = [np.asarray(Image.open(p)) > 0 for p in sorted((folder / "masks").iterdir())]
    instances = np.zeros(masks[0].shape, np.int32)
    for i, mask in enumerate(masks, start=1):
        instances[mask] = i
    assert instances.max() >= 2
    np.testing.assert_allclose(
        ronneberger_weights(instances), naive_ronneberger(instances), atol=1.1e-4
    )


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        (np.zeros((4, 4)), "dtype float64"),
        (np.zeros((4, 4, 1), int), r"shape \(4, 4, 1\)"),
        (np.full((4, 4), -1), "the id -1"),
        ([], "masks of shapes"),
        ([np.zeros((3, 3)), np.zeros((4, 3))], "masks of shapes"),
    ],
)
def test_wrong_instances_are_refused(instances: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ronneberger_weights(instances)
    assert "\n" not in str(caught.value)


def test_wrong_widths_are_refused() -> None:
    with pytest.raises(InputError, match="width 0"):
        falk_weights(np.zeros((4, 4), int), sigma=0.0)
