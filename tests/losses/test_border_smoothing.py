"""Labels that are soft near borders."""

from __future__ import annotations

import keras
import numpy as np
from scipy import ndimage

from tests.losses.scenes import tiles
from tilesegm.losses.border_smoothing import smooth_borders


def soft(target: np.ndarray, valid: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    answer = smooth_borders(np.float32(target), np.float32(valid), sigma=sigma)
    return np.asarray(keras.ops.convert_to_numpy(answer))


def test_kernel_by_hand_across_a_straight_border() -> None:
    target = np.eye(2)[np.repeat([[0, 0, 1, 1]], 5, axis=0)][None]
    edge, corner = np.exp(-0.5), np.exp(-1.0)
    around = 4 * edge + 4 * corner
    across = (edge + 2 * corner) / (2 * around)
    answer = soft(target, np.ones((1, 5, 4)))
    np.testing.assert_allclose(answer[0, 2, :, 1], [0, across, 1 - across, 1], atol=1e-6)


def test_interior_equals_the_kernel_of_the_paper_by_scipy() -> None:
    scene = tiles(size=20)
    line = np.exp(-(np.arange(-1, 2) ** 2) / 2.0)
    kernel = np.outer(line, line)
    kernel[1, 1] = kernel.sum() - 1.0
    kernel /= kernel.sum()
    expected = ndimage.correlate(scene.one_hot, kernel[None, :, :, None], mode="constant")
    answer = soft(scene.one_hot, np.ones(scene.labels.shape))
    np.testing.assert_allclose(answer[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-6)


def test_labels_stay_a_distribution_at_tile_edges_and_beside_ignored_pixels() -> None:
    scene = tiles(size=20)
    valid = np.ones(scene.labels.shape)
    valid[:, 4:9, 5:7] = 0
    answer = soft(scene.one_hot, valid)
    np.testing.assert_allclose(answer.sum(axis=-1), valid, atol=1e-6)


def test_an_object_of_one_class_stays_hard() -> None:
    target = np.zeros((1, 6, 6, 3))
    target[..., 2] = 1
    np.testing.assert_array_equal(soft(target, np.ones((1, 6, 6))), target)
