"""Shapes of drawings whose measures are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tilesegm.advice.shapes import Shapes, find_shapes


def shapes_of(mask: np.ndarray, ids: np.ndarray | None = None) -> Shapes:
    shapes = Shapes()
    find_shapes(shapes, mask.astype(bool), ids)
    return shapes


def test_objects_cut_by_an_edge_have_no_size() -> None:
    mask = np.zeros((40, 40))
    mask[10:14, 10:15] = mask[30:, 30:] = 1
    shapes = shapes_of(mask)
    assert shapes.objects == 2
    assert shapes.cut == 1
    assert np.concatenate(shapes.areas).tolist() == [20]


@pytest.mark.parametrize(("gap", "near"), [(1, 2), (2, 0)])
def test_objects_are_near_at_most_a_pixel_apart(gap: int, near: int) -> None:
    mask = np.zeros((30, 30))
    mask[5:10, 5:10] = mask[5:10, 10 + gap : 15 + gap] = 1
    assert shapes_of(mask).near == near


def test_known_objects_may_touch() -> None:
    ids = np.zeros((30, 30), np.int64)
    ids[5:10, 5:10], ids[5:10, 10:15] = 7, 3
    shapes = shapes_of(ids > 0, ids)
    assert (shapes.objects, shapes.near) == (2, 2)
    assert np.concatenate(shapes.areas).tolist() == [25, 25]


def test_a_class_that_fills_the_window_is_one_object() -> None:
    shapes = shapes_of(np.ones((20, 20)))
    assert (shapes.objects, shapes.cut, shapes.near) == (1, 1, 0)


@pytest.mark.parametrize("wide", [1, 3, 5, 9])
def test_the_width_of_a_strip(wide: int) -> None:
    mask = np.zeros((80, 80))
    mask[40 : 40 + wide, 5:75] = 1
    assert shapes_of(mask).width == pytest.approx(wide, abs=0.4)


def test_what_is_wide_has_no_centre_line() -> None:
    mask = np.zeros((200, 200))
    mask[:, 50:150] = 1
    shapes = shapes_of(mask)
    assert shapes.length is None
    assert shapes.width == pytest.approx(100, rel=0.05)


def test_a_corner_makes_a_line_longer_than_its_chord() -> None:
    mask = np.zeros((80, 80))
    mask[10, 10:60] = mask[10:60, 60] = 1
    # Two legs of 50, and the diagonal between their ends; thinning may cut the corner.
    assert shapes_of(mask).tortuosity == pytest.approx(2**0.5, abs=0.03)


def test_branches_are_measured_between_forks() -> None:
    mask = np.zeros((80, 80))
    mask[40, 5:75] = mask[5:75, 40] = 1
    shapes = shapes_of(mask)
    assert shapes.tortuosity == pytest.approx(1.0, abs=0.01)
    assert shapes.objects == 1
