"""Pixels, labels, validity and weights move alike, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from scipy.interpolate import BSpline

from tests.data.augment_parts import (
    DTYPES,
    EVERY_GEOMETRY,
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
from tilesegm.data.augment.geometry import Geometry, _basis, displacement
from tilesegm.data.augment.points import Points
from tilesegm.data.patch import IGNORE, Patch
from tilesegm.errors import InputError


def rotation(size: int, degrees: float, factor: float = 1.0) -> Geometry:
    """Turn by exactly this angle and scale, written down anew."""
    side = 2 * size + 1
    place = np.arange(size) - (size - 1) / 2
    row, column = np.meshgrid(place, place, indexing="ij")
    angle = np.deg2rad(degrees)
    rows = factor * (np.cos(angle) * row + np.sin(angle) * column) + size
    columns = factor * (np.cos(angle) * column - np.sin(angle) * row) + size
    return Geometry(size, side, 0, Points(rows.astype("f4"), columns.astype("f4"), side))


def test_nothing_changes_when_nothing_is_asked() -> None:
    change = augmenter(flip=False)
    patch, random = noise_patch(9, missing=0.2), np.random.default_rng(0)
    geometry = change.geometry(9, random)
    assert (geometry.side, geometry.points) == (9, None)
    assert geometry.apply(patch) is patch


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (0, [[1, 2], [3, 4]]),
        (1, [[2, 4], [1, 3]]),  # a quarter turn counter-clockwise
        (2, [[4, 3], [2, 1]]),
        (3, [[3, 1], [4, 2]]),
        (4, [[2, 1], [4, 3]]),  # mirrored left and right
        (5, [[1, 3], [2, 4]]),
        (6, [[3, 4], [1, 2]]),
        (7, [[4, 2], [3, 1]]),
    ],
)
def test_orientations_by_hand(orientation: int, expected: list[list[int]]) -> None:
    ids = np.array([[1, 2], [3, 4]], np.int32)
    patch = Patch(ids[..., None].astype(np.uint16), ids != 3, ids, ids.astype(np.float32))
    moved = Geometry(2, 2, orientation, None).apply(patch)
    result = np.array(expected)
    np.testing.assert_array_equal(moved.labels, result)
    np.testing.assert_array_equal(moved.pixels[..., 0], result)
    np.testing.assert_array_equal(moved.valid, result != 3)
    np.testing.assert_array_equal(moved.weights, result)
    assert moved.pixels.dtype == np.uint16
    assert moved.pixels.flags.c_contiguous


def test_all_eight_orientations_are_drawn_equally_often() -> None:
    change, random = augmenter(), np.random.default_rng(1)
    drawn = np.bincount([change.geometry(4, random).orientation for _ in range(4000)], minlength=8)
    # 500 expected of each; 6 standard deviations of a binomial are 126.
    assert np.all(np.abs(drawn - 500) < 126)


def test_a_turn_goes_the_way_of_a_quarter_turn() -> None:
    patch = noise_patch(5)
    turned = rotation(5, 90).apply(
        Patch(
            np.pad(patch.pixels, ((3, 3), (3, 3), (0, 0))),
            np.pad(patch.valid, 3),
            np.pad(patch.labels, 3),
            np.pad(np.asarray(patch.weights), 3),
        )
    )
    exact = Geometry(5, 5, 1, None).apply(patch)
    np.testing.assert_array_equal(turned.labels, exact.labels)
    np.testing.assert_allclose(turned.pixels, exact.pixels, atol=1e-3)


def test_a_drawn_turn_is_the_turn_that_was_asked() -> None:
    """A quarter of the largest turn, from a generator that always says so."""

    class Always(np.random.Generator):
        def uniform(self, low: float = 0, high: float = 1, size: object = None) -> float:  # type: ignore[override]
            return low + (high - low) * 0.75

    change = augmenter(flip=False, rotate=180, scale=0.44)
    geometry = change.geometry(21, Always(np.random.PCG64(0)))
    patch = noise_patch(geometry.side)
    whole = rotation(21, 90, 1.2)  # half of 180 degrees; 1.44 ** 0.5
    margin = (whole.side - geometry.side) // 2
    around = (margin, whole.side - geometry.side - margin)
    expected = whole.apply(
        Patch(
            np.pad(patch.pixels, (around, around, (0, 0))),
            np.pad(patch.valid, around),
            np.pad(patch.labels, around),
        )
    )
    assert geometry.side == 25  # 1.2 * (21 - 1) + 1
    np.testing.assert_allclose(geometry.apply(patch).pixels, expected.pixels, atol=2e-3)


@settings(deadline=None, max_examples=40)
@given(size=sizes, bands=band_counts, dtype=st.sampled_from(DTYPES), seed=seeds)
def test_pixels_agree_with_scipy(size: int, bands: int, dtype: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    side = int(random.integers(1, 2 * size + 2))
    rows, columns = random.uniform(0, side - 1, (2, size, size)).astype(np.float32)
    patch = noise_patch(side, bands, dtype=dtype, seed=seed)
    moved = Geometry(size, side, 0, Points(rows, columns, side)).apply(patch)
    assert moved.pixels.dtype == np.float32
    for band in range(bands):
        linear = ndimage.map_coordinates(
            patch.pixels[..., band].astype(np.float64), [rows, columns], order=1
        )
        np.testing.assert_allclose(moved.pixels[..., band], linear, atol=1e-3)
    weights = ndimage.map_coordinates(
        np.asarray(patch.weights, np.float64), [rows, columns], order=1
    )
    np.testing.assert_allclose(moved.weights, weights, atol=1e-4)
    # Points half way between pixels may go to either; random ones are hardly ever there.
    nearest = patch.labels[np.rint(rows).astype(int), np.rint(columns).astype(int)]
    np.testing.assert_array_equal(moved.labels, nearest)


@settings(deadline=None, max_examples=60)
@given(size=sizes, seed=seeds)
def test_the_window_that_is_read_suffices_and_is_tight(size: int, seed: int) -> None:
    change = Augmenter(EVERY_GEOMETRY, ranges(1))
    geometry = change.geometry(size, np.random.default_rng(seed))
    side = geometry.side
    marked = Patch(
        np.zeros((side, side, 1), np.uint8),
        np.ones((side, side), np.bool_),
        np.arange(side * side, dtype=np.int32).reshape(side, side),
        np.ones((side, side), np.float32),
    )
    moved = geometry.apply(marked)
    assert moved.valid.all()
    np.testing.assert_allclose(moved.weights, 1, rtol=1e-6)
    used = np.zeros((side, side), np.bool_)
    used.flat[moved.labels] = True
    # A pixel less would cut half a pixel off each side of the centred window, and points that lie
    # nearest to the outermost pixels with it.
    assert used[0].any() or used[-1].any() or used[:, 0].any() or used[:, -1].any()


def test_sides_of_turns_by_hand() -> None:
    change, random = augmenter(flip=False, rotate=180), np.random.default_rng(4)
    sides = [change.geometry(101, random).side for _ in range(400)]
    assert min(sides) in (101, 102)
    assert max(sides) == 143  # the diagonal: ceil(100 * sqrt(2)) + 1, at 45 degrees
    change = augmenter(flip=False, scale=1.0)
    sides = [change.geometry(101, random).side for _ in range(400)]
    assert 51 <= min(sides) <= 53
    assert 199 <= max(sides) <= 201


@settings(deadline=None, max_examples=40)
@given(size=sizes, bands=band_counts, dtype=st.sampled_from(DTYPES), seed=seeds)
def test_nothing_is_made_up(size: int, bands: int, dtype: str, seed: int) -> None:
    change = Augmenter(EVERY_GEOMETRY, ranges(bands))
    geometry = change.geometry(size, np.random.default_rng(seed))
    patch = noise_patch(geometry.side, bands, dtype=dtype, missing=0.3, seed=seed)
    before = copies(patch)
    moved = geometry.apply(patch)
    assert moved.pixels.shape == (size, size, bands)
    assert moved.labels.shape == moved.valid.shape == (size, size)
    assert moved.labels.dtype == np.int32
    assert set(np.unique(moved.labels)) <= set(np.unique(patch.labels))
    assert np.all(moved.labels[~moved.valid] == IGNORE)
    if patch.valid.any() and moved.valid.any():
        values = patch.pixels[patch.valid].astype(np.float64)
        assert moved.pixels[moved.valid].min() >= values.min() - 1e-3
        assert moved.pixels[moved.valid].max() <= values.max() + 1e-3
    for old, new in zip(before, copies(patch), strict=True):
        np.testing.assert_array_equal(old, new)


@settings(deadline=None, max_examples=30)
@given(size=sizes, seed=seeds, missing=st.sampled_from((0.0, 0.3)))
def test_constant_images_stay_constant(size: int, seed: int, missing: float) -> None:
    change = Augmenter(EVERY_GEOMETRY, ranges(2))
    geometry = change.geometry(size, np.random.default_rng(seed))
    patch = noise_patch(geometry.side, 2, dtype="float32", missing=missing, seed=seed)
    pixels = np.where(patch.valid[..., None], np.float32([100.1, -7.3]), np.float32(np.nan))
    moved = geometry.apply(Patch(pixels, patch.valid, patch.labels))
    shown = np.broadcast_to(np.float32([100.1, -7.3]), (size, size, 2))[moved.valid]
    np.testing.assert_allclose(moved.pixels[moved.valid], shown, rtol=1e-6)
    assert moved.weights is None


@settings(deadline=None, max_examples=30)
@given(seed=seeds, fill=st.sampled_from((0.0, 1e38, np.nan, np.inf)))
def test_what_missing_pixels_hold_has_no_influence(seed: int, fill: float) -> None:
    change = Augmenter(EVERY_GEOMETRY, ranges(2))
    geometry = change.geometry(16, np.random.default_rng(seed))
    patch = noise_patch(geometry.side, 2, dtype="float32", missing=0.4, seed=seed)
    pixels = patch.pixels.copy()
    pixels[~patch.valid] = fill
    assert_equal(
        geometry.apply(Patch(pixels, patch.valid, patch.labels, patch.weights)),
        geometry.apply(patch),
    )


def test_valid_neighbours_share_what_missing_ones_leave() -> None:
    """Of four pixels 10, 20, 30 and a missing one, at a quarter down and right of the first."""
    points = Points(np.float32([[0.25]]), np.float32([[0.25]]), 2)
    pixels = np.float32([[10, 20], [30, np.nan]])[..., None]
    valid = np.array([[True, True], [True, False]])
    values, present = points.linear_of_valid(pixels, valid)
    # Shares 9/16, 3/16, 3/16: (90 + 60 + 90) / 15.
    assert present.all()
    np.testing.assert_allclose(values, [[[16.0]]], rtol=1e-6)
    # Nearest to the missing pixel: missing, whatever its neighbours know.
    values, present = Points(np.float32([[0.75]]), np.float32([[0.75]]), 2).linear_of_valid(
        pixels, valid
    )
    assert not present.any()
    assert values == 0


def test_a_weight_moves_with_its_label() -> None:
    change = Augmenter(EVERY_GEOMETRY, ranges(1))
    seen = 0
    for seed in range(40):
        geometry = change.geometry(24, np.random.default_rng(seed))
        middle = (geometry.side // 2 + 2, geometry.side // 2 - 3)
        labels = np.zeros((geometry.side, geometry.side), np.int32)
        weights = np.zeros(labels.shape, np.float32)
        labels[middle], weights[middle] = 1, 1
        pixels = weights[..., None] * 200
        moved = geometry.apply(Patch(pixels, labels >= 0, labels, weights))
        assert moved.weights is not None
        np.testing.assert_allclose(moved.weights * 200, moved.pixels[..., 0], atol=1e-3)
        where = moved.labels == 1
        if where.any():  # when the ground size grows, one pixel may fall between points
            seen += 1
            assert moved.weights[where].min() >= 0.25 - 1e-3
            assert np.all(moved.weights[~where] <= 0.5 + 1e-3)
    assert seen > 20


@settings(deadline=None, max_examples=20)
@given(size=sizes, seed=seeds)
def test_the_same_generator_gives_the_same_geometry(size: int, seed: int) -> None:
    change = Augmenter(EVERY_GEOMETRY, ranges(3))
    one, two = (change.geometry(size, np.random.default_rng(seed)) for _ in range(2))
    assert (one.side, one.orientation) == (two.side, two.orientation)
    patch = noise_patch(one.side, missing=0.1)
    assert_equal(one.apply(patch), two.apply(patch))


def test_geometries_differ_from_draw_to_draw() -> None:
    change, random = Augmenter(EVERY_GEOMETRY, ranges(3)), np.random.default_rng(0)
    assert len({change.geometry(64, random).side for _ in range(20)}) > 5


@settings(deadline=None, max_examples=30)
@given(size=st.integers(2, 40), grain=st.floats(1, 60), seed=seeds)
def test_deformations_are_bounded_and_never_fold(size: int, grain: float, seed: int) -> None:
    shift = displacement(size, grain / 3, grain, np.random.default_rng(seed)).astype(np.float64)
    assert shift.shape == (2, size, size)
    assert np.hypot(*shift).max() <= grain / 3 * (1 + 1e-5)
    # Neighbours keep their order along both axes: what folds would swap some.
    assert np.diff(shift[0], axis=0).min() > -1
    assert np.diff(shift[1], axis=1).min() > -1
    down, right = np.diff(shift, axis=1)[:, :, :-1], np.diff(shift, axis=2)[:, :-1]
    area = (1 + down[0]) * (1 + right[1]) - down[1] * right[0]
    assert area.min() > 0


def test_deformations_are_cubic_splines() -> None:
    """Against SciPy's own B-spline of the same control points."""
    position = np.linspace(0.3, 4.9, 30)
    shares = _basis(position)
    knots = np.arange(-3, shares.shape[1] + 1)
    for control in range(shares.shape[1]):
        spline = BSpline(knots, np.eye(shares.shape[1])[control], 3, extrapolate=False)
        np.testing.assert_allclose(shares[:, control], spline(position), atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_shapes_of_a_real_mask_move_with_its_labels(shared_data: Path, seed: int) -> None:
    """A mask as the image: its colours go where the labels of the same mask go."""
    file = shared_data / "dubai" / "tile_1" / "masks" / "image_part_001.png"
    mask = np.asarray(Image.open(file).convert("RGB"))
    land_and_road = np.array([(0x84, 0x29, 0xF6), (0x6E, 0xC1, 0xE4)])
    found = (mask[:, :, None] == land_and_road).all(-1)
    labels = np.where(found.any(-1), found.argmax(-1), IGNORE).astype(np.int32)
    geometry = augmenter(rotate=180, elastic=8).geometry(300, np.random.default_rng(seed))
    part = (slice(20, 20 + geometry.side), slice(100, 100 + geometry.side))
    valid = labels[part] != IGNORE
    moved = geometry.apply(Patch(mask[part], valid, labels[part]))
    apart = np.abs(moved.pixels[:, :, None] - land_and_road).sum(-1)
    agree = (apart.argmin(-1) == moved.labels)[moved.valid]
    assert moved.valid.mean() > 0.5
    assert agree.mean() > 0.995  # the rest lies half way between two classes


def test_wrong_windows_are_refused() -> None:
    geometry = augmenter(flip=False, rotate=30).geometry(16, np.random.default_rng(0))
    with pytest.raises(InputError, match=f"read a window of {geometry.side} x {geometry.side}"):
        geometry.apply(noise_patch(geometry.side - 1))
