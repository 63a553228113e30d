"""Focal, Poly-1, top-k, relaxation and exponential logarithm against references and by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.losses.scenes import IGNORE, tiles
from tilesegm.errors import SettingsError
from tilesegm.losses import (
    AsymmetricFocal,
    BoundaryRelaxation,
    CrossEntropy,
    ExpLogCrossEntropy,
    Focal,
    Poly1,
    TopK,
)
from tilesegm.losses.top_k import hardest_mean


def one_pixel(probability: float) -> tuple[np.ndarray, np.ndarray]:
    """Label 0 of two classes, and logits that give it ``probability``."""
    logits = np.log(np.float32([[[[probability, 1.0 - probability]]]]))
    return np.int32([[[0]]]), logits


def pixel_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]


@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.0])
def test_focal_is_that_of_keras_with_one_hot_labels(gamma: float) -> None:
    scene = tiles()
    reference = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, from_logits=True)
    value = float(Focal(gamma=gamma)(scene.labels, scene.logits))
    by_keras = reference(scene.one_hot, scene.logits)
    assert value == pytest.approx(float(by_keras), abs=1e-5)
    losses = pixel_losses(scene.labels, scene.logits)
    assert value == pytest.approx(float(((1 - np.exp(-losses)) ** gamma * losses).mean()), abs=1e-5)


def test_binary_focal_is_that_of_keras_and_lin() -> None:
    scene = tiles("LovaszHinge")
    reference = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.25, gamma=2.0, from_logits=True
    )
    value = float(Focal(alpha=0.25)(scene.labels, scene.logits))
    by_keras = reference(scene.labels[..., None].astype(np.float32), scene.logits)
    assert value == pytest.approx(float(by_keras), abs=1e-5)
    # Equation 5 with p = 0.8 of a true pixel: 0.25 * 0.2^2 * log(1 / 0.8).
    by_hand = Focal(alpha=0.25)(np.int32([[[1]]]), np.log(np.float32([[[[4.0]]]])))
    assert float(by_hand) == pytest.approx(0.25 * 0.04 * np.log(1.25), rel=1e-5)


def test_focal_without_focus_is_cross_entropy() -> None:
    scene = tiles()
    value = float(Focal(gamma=0.0)(scene.labels, scene.logits))
    assert value == pytest.approx(float(CrossEntropy()(scene.labels, scene.logits)), rel=1e-6)


def test_poly1_by_hand() -> None:
    labels, logits = one_pixel(0.25)
    assert float(Poly1(epsilon=2.0)(labels, logits)) == pytest.approx(np.log(4) + 2 * 0.75)
    scene = tiles()
    losses = pixel_losses(scene.labels, scene.logits)
    expected = (losses + 1.0 - np.exp(-losses)).mean()
    assert float(Poly1()(scene.labels, scene.logits)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_top_k_is_the_mean_of_the_largest(fraction: float) -> None:
    scene = tiles(size=20)
    losses = np.sort(pixel_losses(scene.labels, scene.logits).ravel())[::-1]
    expected = losses[: round(fraction * losses.size)].mean()
    value = float(TopK(fraction=fraction)(scene.labels, scene.logits))
    assert value == pytest.approx(expected, abs=1e-5)


def test_ignored_pixels_take_no_place_among_the_hardest() -> None:
    scene = tiles(size=20).with_hole()
    kept = scene.labels != IGNORE
    losses = np.sort(pixel_losses(np.where(kept, scene.labels, 0), scene.logits)[kept])[::-1]
    limit = 0.25 * losses.size
    whole, part = int(limit), limit - int(limit)
    expected = (losses[:whole].sum() + part * losses[whole]) / limit
    value = float(TopK(fraction=0.25, ignore=IGNORE)(scene.labels, scene.logits))
    assert value == pytest.approx(expected, abs=1e-5)


def test_hardest_mean_splits_the_value_on_the_limit() -> None:
    # Half of the weight 1 + 2 + 1 is 2: all of the 5, and half of the weight of the 3.
    value = hardest_mean(np.float32([3, 5, 1]), np.float32([2, 1, 1]), 0.5)
    assert float(value) == pytest.approx((5 + 3) / 2)


def test_relaxation_by_hand_at_a_border() -> None:
    # Columns 0 0 1 1; the two in the middle see both classes, whose probability together is 0.8.
    labels = np.int32([[[0, 0, 1, 1]]])
    logits = np.log(np.broadcast_to(np.float32([0.5, 0.3, 0.2]), (1, 1, 4, 3)))
    expected = -(np.log(0.5) + 2 * np.log(0.8) + np.log(0.3)) / 4
    assert float(BoundaryRelaxation()(labels, logits)) == pytest.approx(expected, rel=1e-5)


def test_relaxation_over_one_class_is_cross_entropy() -> None:
    scene = tiles()
    labels = np.full_like(scene.labels, 2)
    value = float(BoundaryRelaxation()(labels, scene.logits))
    assert value == pytest.approx(float(CrossEntropy()(labels, scene.logits)), rel=1e-6)


def test_relaxation_gives_no_class_to_an_ignored_neighbour() -> None:
    labels = np.int32([[[0, 0, IGNORE, 1, 1]]])
    logits = np.zeros((1, 1, 5, 2))
    loss = BoundaryRelaxation(ignore=IGNORE)
    assert float(loss(labels, logits)) == pytest.approx(np.log(2))


def test_exponential_logarithm_by_hand() -> None:
    labels, logits = one_pixel(0.25)
    expected = np.log(4) ** 0.3
    # The value is lower by delta ** 0.3 = 0.008, the price of a finite gradient at the optimum.
    assert float(ExpLogCrossEntropy()(labels, logits)) == pytest.approx(expected, abs=0.01)
    assert float(ExpLogCrossEntropy(gamma=1.0)(labels, logits)) == pytest.approx(np.log(4))


def test_asymmetric_focal_by_hand() -> None:
    labels = np.int32([[[0, 1]]])
    logits = np.log(np.float32([[[[0.75, 0.25], [0.75, 0.25]]]]))
    background = 0.4 * 0.25**0.5 * np.log(4 / 3)
    foreground = 0.6 * np.log(4)
    value = float(AsymmetricFocal()(labels, logits))
    assert value == pytest.approx((background + foreground) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Focal(gamma=-1.0), "gamma is -1"),
        (lambda: Focal(alpha=2.0), "alpha is"),
        (lambda: Focal(alpha=0.25)(tiles().labels, tiles().logits), "alpha has 2 numbers for 3"),
        (lambda: Poly1(epsilon=-2.0), "epsilon is -2"),
        (lambda: TopK(fraction=0.0), "fraction is 0"),
        (lambda: BoundaryRelaxation(radius=0), "radius is 0"),
        (lambda: ExpLogCrossEntropy(gamma=0.0), "gamma is 0"),
        (lambda: AsymmetricFocal(delta=1.5), "delta is 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
