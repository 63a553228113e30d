"""What an empty tile says, and how loud."""

from __future__ import annotations

import numpy as np
import pytest

from tilesegm.losses import MCC, CrossEntropy, Dice, FocalTversky, Jaccard, Lovasz, Tversky
from tilesegm.losses.gradients import differentiate

SIDE = 128
PIXELS = SIDE * SIDE
EMPTY = np.zeros((1, SIDE, SIDE), np.int32)
FAINT = np.full((1, SIDE, SIDE, 1), np.log(0.05 / 0.95), np.float32)
"""Logits of p = 0.05."""


def answer(loss: object) -> tuple[float, float]:
    """Value, and gradient of each logit times the number of pixels, on an empty tile."""
    value, gradient = differentiate(lambda y_pred: loss(EMPTY, y_pred))(FAINT)
    assert np.ptp(gradient) <= 1e-3 * np.abs(gradient).max()
    return value, float(gradient.mean()) * PIXELS


@pytest.mark.parametrize("cls", [Dice, Jaccard, Tversky, FocalTversky, Lovasz, MCC])
def test_area_is_the_mean_probability_and_as_strong_as_cross_entropy(cls: type) -> None:
    value, gradient = answer(cls())
    assert value == pytest.approx(0.05, rel=1e-4)
    assert gradient == pytest.approx(0.05 * 0.95, rel=1e-3)
    assert answer(CrossEntropy())[1] == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("cls", [Dice, Jaccard, Tversky, FocalTversky, Lovasz, MCC])
def test_skip_says_nothing(cls: type) -> None:
    assert answer(cls(absent="skip")) == (0.0, 0.0)


def test_the_formula_of_dice_says_next_to_nothing() -> None:
    total, smooth = 0.05 * PIXELS, 1.0
    value, gradient = answer(Dice(absent="formula", smooth=smooth))
    assert value == pytest.approx(1 - smooth / (total + smooth), rel=1e-5)
    expected = smooth / (total + smooth) ** 2 * 0.05 * 0.95 * PIXELS
    assert gradient == pytest.approx(expected, rel=1e-2)
    assert answer(Dice(absent="formula", smooth=1e-5))[1] < 1e-6 * answer(CrossEntropy())[1]


def test_an_empty_tile_in_a_batch_with_a_full_one_is_felt_when_pooled() -> None:
    labels = np.concatenate([EMPTY, EMPTY + 1])
    logits = np.concatenate([FAINT, -FAINT])
    pooled = Dice(absent="formula", smooth=0.01)
    apart = Dice(absent="formula", smooth=0.01, pool="image")
    _, near = differentiate(lambda x: pooled(labels, x))(logits)
    _, far = differentiate(lambda x: apart(labels, x))(logits)
    assert near[0].mean() > 1e3 * far[0].mean() > 0


@pytest.mark.parametrize("background", [True, False])
def test_absent_classes_of_several(background: bool) -> None:
    labels = np.int32([[[0, 0, 1, 1]]])
    p = np.float32([[[[0.7, 0.2, 0.1]] * 2 + [[0.2, 0.7, 0.1]] * 2]])
    present = 1 - 2 * 1.4 / (2 + 1.8)
    first = [present, present] if background else [present]
    for absent, third in (("area", [0.1]), ("skip", []), ("formula", [1.0])):
        loss = Dice(absent=absent, background=background, from_logits=False)
        expected = np.mean(first + third)
        assert float(loss(labels, p)) == pytest.approx(expected, abs=1e-4)


def test_an_ignored_image_does_not_dilute_the_mean_over_images() -> None:
    labels = np.int32([[[1, 0]], [[9, 9]]])
    p = np.float32([[[[0.5], [0.25]]], [[[0.9], [0.9]]]])
    for absent in ("area", "skip", "formula"):
        loss = Dice(pool="image", absent=absent, ignore=9, from_logits=False, smooth=0.0)
        assert float(loss(labels, p)) == pytest.approx(1 - 1 / 1.75)
