"""Values change as the settings say, in every band, and missing pixels stay out of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from tests.data.augment_parts import (
    DTYPES,
    EVERY_COLOUR,
    assert_equal,
    augmenter,
    band_counts,
    copies,
    noise_patch,
    ranges,
    seeds,
    sizes,
)
from tilesegm.data.augment.augmenter import Augmenter
from tilesegm.data.patch import Patch


def patch_of(pixels: NDArray[np.generic], valid: NDArray[np.bool_] | None = None) -> Patch:
    """Pixels with nothing missing unless said so."""
    known = np.ones(pixels.shape[:2], np.bool_) if valid is None else valid
    return Patch(pixels, known, np.zeros(known.shape, np.int32))


def test_nothing_changes_when_nothing_is_asked() -> None:
    patch = noise_patch(7, missing=0.2)
    changed = augmenter().colour(patch, np.random.default_rng(0))
    assert changed.pixels.dtype == np.float32
    np.testing.assert_array_equal(changed.pixels, patch.pixels)


@settings(deadline=None, max_examples=40)
@given(size=sizes, bands=band_counts, dtype=st.sampled_from(DTYPES), seed=seeds)
def test_any_size_bands_and_dtype(size: int, bands: int, dtype: str, seed: int) -> None:
    patch = noise_patch(size, bands, dtype=dtype, missing=0.3, seed=seed)
    before = copies(patch)
    change = Augmenter(EVERY_COLOUR, ranges(bands))
    one, two = (change.colour(patch, np.random.default_rng(seed)) for _ in range(2))
    assert_equal(one, two)
    assert one.pixels.dtype == np.float32
    assert one.pixels.shape == (size, size, bands)
    assert np.isfinite(one.pixels).all()
    np.testing.assert_array_equal(one.pixels[~patch.valid], patch.pixels[~patch.valid])
    assert (one.valid is patch.valid, one.labels is patch.labels) == (True, True)
    for old, new in zip(before, copies(patch), strict=True):
        np.testing.assert_array_equal(old, new)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, fill=st.sampled_from((0.0, -3e38, np.nan, np.inf)))
def test_missing_pixels_have_no_influence_and_stay(seed: int, fill: float) -> None:
    patch = noise_patch(12, 2, dtype="float32", missing=0.4, seed=seed)
    pixels = patch.pixels.copy()
    pixels[~patch.valid] = fill
    change = Augmenter(EVERY_COLOUR, ranges(2))
    filled = change.colour(patch_of(pixels, patch.valid), np.random.default_rng(seed)).pixels
    plain = change.colour(patch, np.random.default_rng(seed)).pixels
    np.testing.assert_array_equal(filled[patch.valid], plain[patch.valid])
    np.testing.assert_array_equal(filled[~patch.valid], np.float32(fill))


@pytest.mark.parametrize(("name", "shared"), [("exposure", True), ("tint", False)])
def test_light_multiplies(name: str, shared: bool) -> None:
    change, random = augmenter(4, **{name: 0.5}), np.random.default_rng(2)
    pixels = np.tile(np.float32([0, 100])[:, None, None], (1, 2, 4))
    factors = []
    for _ in range(300):
        changed = change.colour(patch_of(pixels), random).pixels
        np.testing.assert_array_equal(changed[0], 0)  # black stays black
        np.testing.assert_array_equal(changed[1, 0], changed[1, 1])
        factors.append(changed[1, 0] / 100)
        assert (np.ptp(factors[-1]) < 1e-6) == shared
    stops = np.log(factors) / np.log(1.5)
    assert np.abs(stops).max() <= 1 + 1e-5
    assert stops.min() < -0.9 < 0.9 < stops.max()
    # Even between -1 and 1: deviation 0.577, so the mean of 300 is within 0.17 (5 deviations).
    assert abs(stops[:, 0].mean()) < 0.17


def test_brightness_shifts_all_bands_by_a_part_of_their_range() -> None:
    change = Augmenter(augmenter(brightness=0.2).settings, ranges(3, 1000, 3000))
    pixels = np.full((2, 2, 3), 1500, np.uint16)
    shifts = np.array(
        [
            change.colour(patch_of(pixels), np.random.default_rng(seed)).pixels - 1500
            for seed in range(200)
        ]
    )
    assert np.ptp(shifts, axis=(1, 2, 3)).max() == 0
    assert np.abs(shifts).max() <= 400
    assert shifts.min() < -350 < 350 < shifts.max()


def test_contrast_keeps_the_mean_of_known_pixels() -> None:
    patch = noise_patch(16, 2, dtype="float32", missing=0.3)
    change = augmenter(2, contrast=0.5)
    for seed in range(20):
        changed = change.colour(patch, np.random.default_rng(seed)).pixels
        known, was = changed[patch.valid], patch.pixels[patch.valid]
        np.testing.assert_allclose(known.mean(0), was.mean(0), rtol=1e-5)
        ratio = known.std(0) / was.std(0)
        assert np.all((ratio > 1 / 1.5 - 1e-5) & (ratio < 1.5 + 1e-5))
        np.testing.assert_allclose(ratio[0], ratio[1], rtol=1e-4)
        assert abs(ratio[0] - 1) > 1e-3


def test_contrast_leaves_the_exposed_mean_alone() -> None:
    patch = noise_patch(16, 1, dtype="float32")
    for seed in range(5):
        bright, both = (
            augmenter(1, exposure=2, contrast=contrast)
            .colour(patch, np.random.default_rng(seed))
            .pixels
            for contrast in (0, 1)
        )
        assert abs(bright.mean() / patch.pixels.mean() - 1) > 0.01
        np.testing.assert_allclose(both.mean(), bright.mean(), rtol=1e-5)
        assert abs(both.std() / bright.std() - 1) > 0.01


def test_gamma_bends_values_within_the_range_alone() -> None:
    change = Augmenter(augmenter(gamma=1.0).settings, ranges(1, 100, 300))
    pixels = np.float32([40, 100, 150, 200, 300, 420]).reshape(1, 6, 1)
    bends = []
    for seed in range(30):
        out = change.colour(patch_of(pixels), np.random.default_rng(seed)).pixels.ravel()
        np.testing.assert_allclose(out[[0, 1, 4, 5]], [40, 100, 300, 420], rtol=1e-6)
        exponent = np.log((out[3] - 100) / 200) / np.log(0.5)
        np.testing.assert_allclose(out[2], 100 + 200 * 0.25**exponent, rtol=1e-4)
        bends.append(exponent)
    assert 0.5 - 1e-4 <= min(bends) < 0.6 < 1.8 < max(bends) <= 2 + 1e-4


def test_gamma_leaves_bands_without_a_range_alone() -> None:
    change = Augmenter(augmenter(gamma=1.0).settings, ranges(1, 7, 7))
    pixels = np.float32([6, 7, 8]).reshape(1, 3, 1)
    changed = change.colour(patch_of(pixels), np.random.default_rng(0)).pixels
    np.testing.assert_array_equal(changed, pixels)


def test_noise_is_a_part_of_the_range_and_differs_between_pixels_and_bands() -> None:
    change = Augmenter(augmenter(noise=0.1).settings, ranges(2, 0, 1000))
    deviations = []
    for seed in range(60):
        noise = change.colour(
            patch_of(np.zeros((64, 64, 2), np.uint8)), np.random.default_rng(seed)
        ).pixels
        deviations.append(noise.std())
        assert abs(noise.mean()) < 6 * noise.std() / np.sqrt(noise.size)
        assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.1
    assert max(deviations) < 102
    assert min(deviations) < 20
    assert max(deviations) > 80


def test_blur_is_gaussian_and_keeps_constants() -> None:
    class Half(np.random.Generator):
        def uniform(self, *_: object) -> float:  # type: ignore[override]
            return 0.5

    change, random = augmenter(1, blur=4.0), Half(np.random.PCG64(0))
    pixels = np.zeros((41, 41, 1), np.float32)
    pixels[20, 20] = 1000
    blurred = change.colour(patch_of(pixels), random).pixels[..., 0]
    np.testing.assert_allclose(blurred.sum(), 1000, rtol=1e-4)
    place = np.arange(41) - 20
    spread = np.sqrt((blurred.sum(1) * place**2).sum() / 1000)
    assert 1.9 < spread < 2.0  # half of 4, less what is cut off beyond 3 deviations
    np.testing.assert_allclose(blurred, blurred.T, rtol=1e-5)
    constant = np.full((9, 9, 1), 77, np.float32)
    np.testing.assert_allclose(
        change.colour(patch_of(constant), random).pixels, constant, rtol=1e-6
    )


def test_blur_takes_the_mean_of_known_pixels() -> None:
    patch = noise_patch(20, 1, dtype="float32", missing=0.5)
    random = np.random.default_rng(1)
    deviation = 2.0 * np.random.default_rng(1).uniform()
    assert deviation > 1
    blurred = augmenter(1, blur=2.0).colour(patch, random).pixels[..., 0]
    offsets = np.arange(-int(3 * deviation + 0.5), int(3 * deviation + 0.5) + 1)
    line = np.exp(-(offsets**2) / (2 * deviation**2))
    kernel = np.outer(line, line)
    known = patch.valid.astype(np.float64)
    sums = ndimage.convolve(known * patch.pixels[..., 0], kernel, mode="nearest")
    expected = sums / ndimage.convolve(known, kernel, mode="nearest")
    np.testing.assert_allclose(blurred[patch.valid], expected[patch.valid], rtol=1e-4)
