"""Small objects go to whom they should."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
import scipy.ndimage
from numpy.typing import NDArray

from tests.products.maps import cut_small, noise, open_ids
from tilesegm.products.holes import fill_holes
from tilesegm.products.labelling import label_strip
from tilesegm.products.majority import SmoothMap, most_frequent
from tilesegm.products.objects import Objects, find_objects
from tilesegm.products.small import remove_small

SIDES = scipy.ndimage.generate_binary_structure(2, 1)


def drawn(ids: NDArray[np.uint8], objects: Objects) -> NDArray[np.int32]:
    """The map that objects make."""
    strips = []
    offset = 0
    with open_ids(ids) as class_map:
        for strip in class_map.strips():
            parts = label_strip(strip.ids)
            numbers = objects.of_parts[offset : offset + parts.count]
            strips.append(np.append(objects.ids, np.int32(-1))[numbers][parts.labels])
            offset += parts.count
    return np.concatenate(strips)


def parts_of(ids: NDArray[np.int32]) -> list[NDArray[np.bool_]]:
    parts = []
    for kind in np.unique(ids[ids >= 0]):
        labels, count = scipy.ndimage.label(ids == kind, SIDES)
        parts += [labels == n for n in range(1, count + 1)]
    return sorted(parts, key=lambda part: int(np.flatnonzero(part)[0]))


def shared_sides(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> int:
    return int(
        (one[1:] & other[:-1]).sum()
        + (one[:-1] & other[1:]).sum()
        + (one[:, 1:] & other[:, :-1]).sum()
        + (one[:, :-1] & other[:, 1:]).sum()
    )


def eliminated(ids: NDArray[np.int32], least: int) -> NDArray[np.int32]:
    """Give the smallest part to the neighbour of the longest border, again and again."""
    ids = ids.copy()
    while True:
        parts = parts_of(ids)
        sizes = [int(part.sum()) for part in parts]
        for n in sorted(range(len(parts)), key=lambda n: sizes[n]):
            if sizes[n] >= least:
                return ids
            sides = [shared_sides(parts[n], other) for other in parts]
            sides[n] = 0
            if max(sides):
                best = max(range(len(parts)), key=lambda m: (sides[m], sizes[m], -m))
                ids[parts[n]] = ids[parts[best]][0]
                break
        else:
            return ids


@pytest.mark.parametrize("seed", range(12))
def test_the_longest_border_wins(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = noise(seed, 14)
    cut_small(monkeypatch, ids.shape[1], 2)
    with open_ids(ids) as class_map:
        objects = find_objects(class_map, borders=True)
    merged = drawn(ids, remove_small(objects, objects.pixels, 9, "merge"))
    expected = eliminated(np.where(ids == 0, -1, ids.astype(np.int32)), 9)
    np.testing.assert_array_equal(merged, expected)


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_neighbour_wins_as_in_gdal(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Smooth shapes: of equally large neighbours GDAL takes that which it meets first.
    field = np.random.default_rng(seed).normal(size=(60, 70))
    ids = np.digitize(scipy.ndimage.gaussian_filter(field, 1.5), [-0.1, 0.0, 0.1]).astype(np.uint8)
    cut_small(monkeypatch, ids.shape[1], 3)
    with open_ids(ids) as class_map:
        objects = find_objects(class_map, borders=True)
    sieved = rasterio.features.sieve(ids, 12, mask=ids != 0, connectivity=4)
    merged = drawn(ids, remove_small(objects, objects.pixels, 12, "largest"))
    np.testing.assert_array_equal(np.where(merged < 0, 0, merged), sieved)
    assert (sieved != ids).any()


def test_dropped_objects_leave_no_class() -> None:
    ids = np.array([[1, 1, 2], [1, 1, 1]], np.uint8)
    with open_ids(ids) as class_map:
        objects = find_objects(class_map, borders=True)
    left = remove_small(objects, objects.pixels, 2, "drop")
    assert drawn(ids, left).tolist() == [[1, 1, -1], [1, 1, 1]]
    assert left.pixels.tolist() == [5]


@pytest.mark.parametrize("seed", range(10))
def test_holes_are_filled_as_scipy_does(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.maximum(noise(seed, 30), 1)  # all pixels have a class
    cut_small(monkeypatch, ids.shape[1], 2)
    with open_ids(ids) as class_map:
        objects = find_objects(class_map, borders=True)
    filled, count = fill_holes(objects, 1, ids.shape, objects.pixels, np.inf)
    expected = scipy.ndimage.binary_fill_holes(ids == 1)
    np.testing.assert_array_equal(drawn(ids, filled) == 1, expected)
    _, holes = scipy.ndimage.label(expected & (ids != 1), SIDES)
    assert count == holes


def test_large_holes_and_those_without_a_class_stay() -> None:
    ids = np.ones((5, 9), np.uint8)
    ids[1, 1], ids[2:4, 3:5], ids[1:3, 7] = 2, 2, (2, 0)
    with open_ids(ids) as class_map:
        objects = find_objects(class_map, borders=True)
    filled, count = fill_holes(objects, 1, ids.shape, objects.pixels, 4)
    assert count == 1
    expected = ids.astype(np.int32)
    expected[1, 1], expected[2, 7] = 1, -1
    np.testing.assert_array_equal(drawn(ids, filled), expected)


@pytest.mark.parametrize("seed", range(6))
def test_the_majority_of_strips_is_that_of_the_whole(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = noise(seed, 30)
    present = np.where(ids == 0, -1, ids.astype(np.int32))
    kernel = np.ones((5, 5), int)
    counts = np.stack(
        [
            scipy.ndimage.convolve((present == kind).astype(int), kernel, mode="constant")
            for kind in range(4)
        ]
    )
    own = np.take_along_axis(counts, np.maximum(present, 0)[None], 0)[0]
    expected = np.where((own == counts.max(0)) | (present < 0), present, counts.argmax(0))
    np.testing.assert_array_equal(most_frequent(present, 2), expected)
    cut_small(monkeypatch, ids.shape[1], 1 + seed)
    with open_ids(ids) as class_map:
        strips = list(SmoothMap(class_map, 5).strips())
    np.testing.assert_array_equal(np.concatenate([strip.ids for strip in strips]), expected)
    assert [strip.row for strip in strips] == np.cumsum(
        [0, *(len(strip.ids) for strip in strips[:-1])]
    ).tolist()
