"""Images, class maps and errors in the right colours."""

from __future__ import annotations

import numpy as np
import pytest

from tilesegm.classes import ClassInfo
from tilesegm.pictures.colours import (
    MISSING,
    RIGHT,
    colour_classes,
    colour_errors,
    stretch,
)
from tilesegm.pictures.rendering import Rendering

CLASSES = (ClassInfo("land", (10, 20, 30)), ClassInfo("water", (40, 50, 60)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_classes_in_their_colours(dtype: type) -> None:
    ids = np.array([[0, 1, 2, 255]]).astype(dtype)
    assert colour_classes(ids, CLASSES)[0].tolist() == [
        [10, 20, 30],
        [40, 50, 60],
        list(MISSING),
        list(MISSING),
    ]
    assert (colour_classes(np.array([[-1]]), CLASSES) == MISSING).all()


def test_errors_take_the_colour_of_the_truth() -> None:
    truth = np.array([[0, 1, -1, 255]])
    shown = colour_errors(truth, np.array([[0, 0, 0, 255]]), CLASSES)
    assert shown[0].tolist() == [list(RIGHT), [40, 50, 60], list(MISSING), list(MISSING)]


def test_stretch_leaves_missing_pixels_out() -> None:
    pixels = np.array([[[0.0], [100.0], [9999.0]]])
    shown = stretch(pixels, np.array([[True, True, False]]))
    assert shown[0].tolist() == [[0] * 3, [255] * 3, list(MISSING)]
    assert (stretch(np.full((1, 2, 4), np.nan)) == MISSING).all()
    assert (stretch(pixels, np.zeros((1, 3), np.bool_)) == MISSING).all()


def test_limits_are_black_and_white() -> None:
    pixels = np.float32([[-5, 0, 100, 200, 400]])[..., None] * np.ones(3, np.float32)
    shown = stretch(pixels, limits=((0, 0, 0), (200, 100, 400)))
    assert shown[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert shown[0, :, 1].tolist() == [0, 0, 255, 255, 255]
    assert shown[0, :, 2].tolist() == [0, 0, 64, 128, 255]


@pytest.mark.parametrize(("bands", "drawn"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (8, [0, 1, 2])])
def test_first_bands_are_drawn(bands: int, drawn: list[int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, bands), np.uint8)
    np.testing.assert_array_equal(Rendering.of([(pixels, None)]).draw(pixels), pixels[..., drawn])
    limits = (np.zeros(bands), np.full(bands, 255))
    np.testing.assert_array_equal(stretch(pixels, limits=limits), pixels[..., drawn])


def test_bands_of_one_value_are_black() -> None:
    assert (stretch(np.full((3, 3, 3), 7.0)) == 0).all()


def test_photos_of_sixteen_bits_are_stretched() -> None:
    ramp = np.linspace(1000, 9000, 600).astype(np.uint16)[None, :, None]
    assert np.unique(Rendering.of([(ramp, None)]).draw(ramp)).size > 200
