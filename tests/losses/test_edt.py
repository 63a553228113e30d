"""Distance transforms in the graph, beside scipy."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.ndimage import distance_transform_edt

from tilesegm.errors import InputError
from tilesegm.losses.edt import distance_transform, signed_distance, squared_distance_to
from tilesegm.losses.gradients import differentiate
from tilesegm.losses.tensors import sides


def numbers(tensor: object) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def expected(mask: np.ndarray, radius: float = math.inf) -> np.ndarray:
    """Scipy's answer for one image; the diagonal where there is no background."""
    if mask.all():
        return np.full(mask.shape, min(math.hypot(*mask.shape), radius))
    return np.minimum(distance_transform_edt(mask), radius)


@pytest.mark.parametrize("foreground", [0.02, 0.5, 0.98, 0.999])
@pytest.mark.parametrize("shape", [(3, 37, 53), (2, 1, 19), (2, 23, 1)])
def test_equals_scipy_on_random_masks(foreground: float, shape: tuple[int, ...]) -> None:
    masks = np.random.default_rng(1).random(shape) < foreground
    exact, clipped = numbers(distance_transform(masks)), numbers(distance_transform(masks, 4.5))
    for i, mask in enumerate(masks):
        np.testing.assert_allclose(exact[i], expected(mask), atol=1e-5)
        np.testing.assert_allclose(clipped[i], expected(mask, 4.5), atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(hnp.arrays(bool, (2, 9, 12)), st.sampled_from([None, 0.5, 1.0, 3.2, 40.0]))
def test_equals_scipy_on_any_mask(masks: np.ndarray, radius: float | None) -> None:
    got = numbers(distance_transform(masks, radius))
    for mask, distance in zip(masks, got, strict=True):
        want = expected(mask, math.inf if radius is None else radius)
        np.testing.assert_allclose(distance, want, atol=1e-5)


def test_images_and_channels_are_apart() -> None:
    masks = np.random.default_rng(2).random((2, 20, 17, 3)) < 0.9
    masks[0, ..., 1], masks[1, ..., 2] = True, False
    got = numbers(distance_transform(masks))
    for n in range(2):
        for k in range(3):
            np.testing.assert_allclose(got[n, ..., k], expected(masks[n, ..., k]), atol=1e-5)


def test_a_single_seed_far_away_is_found() -> None:
    seeds = np.zeros((2, 70, 90), bool)
    seeds[0, 2, 3] = True
    squared = numbers(squared_distance_to(seeds))
    rows, columns = np.mgrid[:70, :90]
    np.testing.assert_array_equal(squared[0], (rows - 2) ** 2 + (columns - 3) ** 2)
    np.testing.assert_array_equal(squared[1], 70**2 + 90**2)


def test_empty_and_full_masks_are_defined() -> None:
    empty, full = np.zeros((1, 6, 8), bool), np.ones((1, 6, 8), bool)
    assert (numbers(distance_transform(empty)) == 0).all()
    np.testing.assert_allclose(numbers(distance_transform(full)), 10.0)
    np.testing.assert_allclose(numbers(distance_transform(full, 3.0)), 3.0)
    for mask in (empty, full):
        assert (numbers(signed_distance(mask)) == 0).all()


def test_signed_distance_by_hand() -> None:
    mask = np.array([[[0, 0, 1, 1, 1, 1, 0]]], bool)
    np.testing.assert_allclose(numbers(signed_distance(mask))[0, 0], [2, 1, 0, -1, -1, 0, 1])
    np.testing.assert_allclose(
        numbers(signed_distance(mask, radius=1.5))[0, 0], [1.5, 1, 0, -0.5, -0.5, 0, 1]
    )


def test_pixels_that_are_not_valid_are_on_neither_side() -> None:
    mask = np.array([[[0, 0, 1, 1, 1, 1, 0]]], bool)
    valid = np.array([[[1, 1, 1, 1, 1, 1, 0]]], bool)
    # Without the last pixel, the background is the two on the left alone.
    got = numbers(signed_distance(mask, valid))[0, 0, :-1]
    np.testing.assert_allclose(got, [2, 1, 0, -1, -2, -3])
    # And where no background is left, there is no boundary.
    assert (numbers(signed_distance(mask, mask)) == 0).all()


def test_compiled_equals_eager_and_no_gradient_passes() -> None:
    scores = np.random.default_rng(3).normal(size=(1, 24, 20)).astype(np.float32)

    def total(x: object) -> object:
        return keras.ops.sum(distance_transform(x > 0.0) + 0.0 * x)

    value, gradient = differentiate(total)(scores)
    compiled, _ = differentiate(total, compiled=True)(scores)
    assert value == pytest.approx(distance_transform_edt(scores[0] > 0).sum(), rel=1e-5)
    assert compiled == pytest.approx(value, rel=1e-6)
    assert not gradient.any()


def test_equals_scipy_on_real_masks(shared_data: Path) -> None:
    nuclei = next((shared_data / "dsb2018").glob("*/masks/*.png"))
    vessels = next((shared_data / "drive" / "training" / "1st_manual").iterdir())
    cells = shared_data / "isbi2012" / "label" / "0.png"
    for path in (nuclei, vessels, cells):
        with Image.open(path) as image:
            mask = np.asarray(image.convert("L")) > 127
        got = numbers(distance_transform(mask[None]))[0]
        np.testing.assert_allclose(got, distance_transform_edt(mask), atol=1e-5)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="a map of shape"):
        distance_transform(np.zeros((4, 4), bool))
    with pytest.raises(InputError, match="radius is 0"):
        distance_transform(np.zeros((1, 4, 4), bool), 0.0)
    with pytest.raises(InputError, match="must know height and width"):
        sides(keras.KerasTensor((None, 64, None, 1)))
