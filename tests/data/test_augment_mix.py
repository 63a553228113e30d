"""Two windows become one whose labels are true of its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.data.augment_parts import (
    assert_equal,
    augmenter,
    band_counts,
    copies,
    noise_patch,
    seeds,
    sizes,
)
from tilesegm.data.augment.mix import copy_paste, cut_mix, mix_up
from tilesegm.data.patch import IGNORE, Patch

RARE = np.array([0.0, 0.2, 0.3, 0.5])


def plain(side: int, value: float, label: int, *, weight: float | None = None) -> Patch:
    """One value and one label everywhere."""
    return Patch(
        np.full((side, side, 2), value, np.float32),
        np.ones((side, side), np.bool_),
        np.full((side, side), label, np.int32),
        None if weight is None else np.full((side, side), weight, np.float32),
    )


def never() -> Patch:
    raise AssertionError("no other window is needed")


def test_nothing_is_mixed_when_nothing_is_asked() -> None:
    patch = noise_patch(5)
    assert augmenter().mix(patch, never, np.random.default_rng(0), RARE) is patch


@pytest.mark.parametrize("name", ["cutmix", "mixup", "copy_paste"])
def test_shares_of_windows(name: str) -> None:
    change, random, mixed = augmenter(**{name: 0.3}), np.random.default_rng(0), 0

    def other() -> Patch:
        nonlocal mixed
        mixed += 1
        return plain(2, 1, 1)

    for _ in range(1000):
        change.mix(plain(2, 0, 0), other, random, RARE)
    assert abs(mixed - 300) < 87  # six deviations


@settings(deadline=None, max_examples=30)
@given(size=sizes, bands=band_counts, seed=seeds)
def test_the_same_generator_gives_the_same_mix(size: int, bands: int, seed: int) -> None:
    change = augmenter(bands, cutmix=0.7, mixup=0.7, copy_paste=0.7)
    patch = noise_patch(size, bands, dtype="float32", missing=0.1, seed=seed)
    other = noise_patch(size, bands, dtype="float32", missing=0.1, seed=seed + 1)
    before = (*copies(patch), *copies(other))
    one, two = (
        change.mix(patch, lambda: other, np.random.default_rng(seed), RARE) for _ in range(2)
    )
    assert_equal(one, two)
    assert one.pixels.dtype == np.float32
    assert one.labels.dtype == np.int32
    assert np.all(one.labels[~one.valid] == IGNORE)
    for old, new in zip(before, (*copies(patch), *copies(other)), strict=True):
        np.testing.assert_array_equal(old, new)


@settings(deadline=None, max_examples=40)
@given(size=sizes, seed=seeds)
def test_cutmix_takes_everything_in_one_rectangle(size: int, seed: int) -> None:
    patch, other = (noise_patch(size, missing=0.2, seed=seed + more) for more in (0, 1))
    patch.pixels[...] //= 2
    other.pixels[...] = other.pixels // 2 + 128
    mixed = cut_mix(patch, other, np.random.default_rng(seed))
    taken = mixed.pixels[..., 0] >= 128
    rows, columns = np.flatnonzero(taken.any(1)), np.flatnonzero(taken.any(0))
    if taken.any():
        assert taken[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert mixed.weights is not None
    for name in ("pixels", "valid", "labels", "weights"):
        mine, theirs, both = (getattr(each, name) for each in (patch, other, mixed))
        np.testing.assert_array_equal(both[taken], theirs[taken])
        np.testing.assert_array_equal(both[~taken], mine[~taken])


def test_cutmix_takes_areas_of_every_size_everywhere() -> None:
    random = np.random.default_rng(0)
    masks = np.array(
        [cut_mix(plain(64, 0, 0), plain(64, 1, 1), random).labels for _ in range(2000)]
    )
    areas = masks.mean((1, 2))
    # Even between 0 and 1: mean 1/2 and deviation 0.289, so five deviations of the mean are 0.032.
    assert abs(areas.mean() - 0.5) < 0.035
    np.testing.assert_allclose(
        np.quantile(areas, [0.1, 0.25, 0.75, 0.9]), [0.1, 0.25, 0.75, 0.9], atol=0.05
    )
    height, width = masks.any(2).sum(1), masks.any(1).sum(1)
    assert np.all(height * width == masks.sum((1, 2)))
    # No side is favoured.
    assert abs((height > width).mean() - (height < width).mean()) < 0.12
    covered = masks.mean(0)
    np.testing.assert_allclose(covered, covered[::-1, ::-1], atol=0.1)


def test_mixup_blends_pixels_and_keeps_the_labels_of_the_stronger() -> None:
    random, shares = np.random.default_rng(0), []
    for _ in range(1000):
        mixed = mix_up(plain(2, 0, 3, weight=4), plain(2, 1, 1), random)
        share = 1 - mixed.pixels[0, 0, 0]
        shares.append(share)
        assert np.all(mixed.labels == 3)
        assert mixed.weights is not None
        np.testing.assert_allclose(mixed.weights, 4 * share, rtol=1e-6)
        np.testing.assert_allclose(mixed.pixels, 1 - share)
    assert min(shares) >= 0.5
    assert max(shares) <= 1
    assert abs(np.mean(shares) - 0.75) < 0.025  # deviation 0.144 of each


def test_mixup_gives_a_window_without_weights_its_share() -> None:
    mixed = mix_up(plain(2, 0, 3), plain(2, 1, 1), np.random.default_rng(1))
    assert mixed.weights is not None
    np.testing.assert_allclose(mixed.weights, 1 - mixed.pixels[..., 0], rtol=1e-6)


def test_mixup_ignores_what_either_window_misses() -> None:
    patch, other = plain(3, 5, 2), plain(3, 9, 1)
    patch.valid[0, 0], patch.labels[0, 0], patch.pixels[0, 0] = False, IGNORE, np.nan
    other.valid[1, 1], other.labels[1, 1], other.pixels[1, 1] = False, IGNORE, np.nan
    other.labels[2, 2] = IGNORE  # seen but not labelled: the label of the stronger one is known
    mixed = mix_up(patch, other, np.random.default_rng(0))
    expected = np.full((3, 3), 2)
    expected[0, 0] = expected[1, 1] = IGNORE
    np.testing.assert_array_equal(mixed.labels, expected)
    np.testing.assert_array_equal(mixed.valid, expected == 2)
    assert np.isfinite(mixed.pixels).all()


def labelled(text: str) -> NDArray[np.int32]:
    """Labels from rows of digits; a point is not learnt from."""
    return np.array(
        [[IGNORE if sign == "." else int(sign) for sign in row] for row in text.split()], np.int32
    )


def test_copy_paste_takes_whole_regions_of_one_class() -> None:
    labels = labelled("11000 10002 00020 33000 30.00")
    other = Patch(
        np.full((5, 5, 1), 9, np.float32),
        np.ones((5, 5), np.bool_),
        labels,
        np.full((5, 5), 7, np.float32),
    )
    regions = {class_id: labels == class_id for class_id in (1, 2, 3)}  # 2 is joined by a corner
    seen = {1: 0, 2: 0, 3: 0}
    random = np.random.default_rng(0)
    for _ in range(600):
        patch = Patch(
            np.zeros((5, 5, 1), np.float32), np.ones((5, 5), np.bool_), np.zeros((5, 5), np.int32)
        )
        mixed = copy_paste(patch, other, random, RARE)
        (chosen,) = set(np.unique(mixed.labels)) - {0}
        seen[int(chosen)] += 1
        region = regions[int(chosen)]
        np.testing.assert_array_equal(mixed.labels, np.where(region, chosen, 0))
        np.testing.assert_array_equal(mixed.pixels[..., 0], np.where(region, 9, 0))
        np.testing.assert_array_equal(mixed.weights, np.where(region, 7, 1))
    # Shares 0.2, 0.3 and 0.5 of 600; five deviations are at most 61.
    assert abs(seen[1] - 120) < 61
    assert abs(seen[2] - 180) < 61
    assert abs(seen[3] - 300) < 61


def test_copy_paste_takes_a_random_part_of_the_regions() -> None:
    other = Patch(
        np.ones((1, 7, 1), np.float32), np.ones((1, 7), np.bool_), labelled("1010101"), None
    )
    patch = Patch(
        np.zeros((1, 7, 1), np.float32), np.ones((1, 7), np.bool_), labelled("0000000"), None
    )
    random = np.random.default_rng(0)
    pasted = np.array([copy_paste(patch, other, random, RARE).labels[0] for _ in range(2000)])
    assert pasted.sum(1).min() == 1
    assert pasted.sum(1).max() == 4
    # A half, and for the one that is always taken the other half: 1/2 + 1/2 * 1/4.
    np.testing.assert_allclose(pasted.mean(0), [0.625, 0] * 3 + [0.625], atol=0.06)
    assert not pasted[:, 1::2].any()


def test_copy_paste_leaves_missing_pixels_missing() -> None:
    patch, other = plain(3, 0, 0), plain(3, 9, 1)
    patch.valid[1, 1], patch.labels[1, 1] = False, IGNORE
    mixed = copy_paste(patch, other, np.random.default_rng(0), RARE)
    np.testing.assert_array_equal(mixed.labels, labelled("111 1.1 111"))
    assert not mixed.valid[1, 1]


@pytest.mark.parametrize("label", [0, IGNORE])
def test_copy_paste_needs_a_class_that_may_be_pasted(label: int) -> None:
    patch = plain(3, 0, 2)
    assert copy_paste(patch, plain(3, 9, label), np.random.default_rng(0), RARE) is patch


@settings(deadline=None, max_examples=30)
@given(size=sizes, seed=seeds, name=st.sampled_from(("cutmix", "mixup", "copy_paste")))
def test_no_label_is_made_up(size: int, seed: int, name: str) -> None:
    patch, other = (noise_patch(size, missing=0.1, seed=seed + more) for more in (0, 1))
    change = augmenter(**{name: 1.0})
    mixed = change.mix(patch, lambda: other, np.random.default_rng(seed), RARE)
    held = (mixed.labels == patch.labels) | (mixed.labels == other.labels)
    assert np.all(held | (mixed.labels == IGNORE))
