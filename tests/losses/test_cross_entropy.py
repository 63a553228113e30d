"""Cross-entropy against Keras, Torch and numbers by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.losses.scenes import IGNORE, tiles
from tilesegm.errors import SettingsError
from tilesegm.losses import CrossEntropy

torch = pytest.importorskip("torch")


def torch_cross_entropy(labels: np.ndarray, logits: np.ndarray, **options: object) -> float:
    scores = torch.from_numpy(np.moveaxis(logits, -1, 1))
    target = torch.from_numpy(labels.astype(np.int64))
    return float(torch.nn.functional.cross_entropy(scores, target, **options))


def test_by_hand() -> None:
    # Probabilities 1/2 and 1/4 of the true class: (log 2 + log 4) / 2.
    logits = np.log(np.float32([[[[2, 1, 1], [2, 1, 1]]]]))
    assert float(CrossEntropy()(np.int32([[[0, 1]]]), logits)) == pytest.approx(1.5 * np.log(2))


def test_sparse_labels_with_ignored_pixels() -> None:
    scene = tiles().with_hole()
    value = float(CrossEntropy(ignore=IGNORE)(scene.labels, scene.logits))
    by_torch = torch_cross_entropy(scene.labels, scene.logits, ignore_index=IGNORE)
    by_keras = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=IGNORE)
    assert value == pytest.approx(by_torch, abs=1e-5)
    assert value == pytest.approx(float(by_keras(scene.labels, scene.logits)), abs=1e-5)


def test_binary_labels() -> None:
    scene = tiles("LovaszHinge")
    value = float(CrossEntropy()(scene.labels, scene.logits))
    labels = scene.labels[..., None].astype(np.float32)
    by_keras = keras.losses.BinaryCrossentropy(from_logits=True)(labels, scene.logits)
    by_torch = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(scene.logits), torch.from_numpy(labels)
    )
    assert value == pytest.approx(float(by_keras), abs=1e-5)
    assert value == pytest.approx(float(by_torch), abs=1e-5)


def test_label_smoothing() -> None:
    scene = tiles()
    value = float(CrossEntropy(label_smoothing=0.2)(scene.labels, scene.logits))
    by_keras = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    by_torch = torch_cross_entropy(scene.labels, scene.logits, label_smoothing=0.2)
    assert value == pytest.approx(float(by_keras(scene.one_hot, scene.logits)), abs=1e-5)
    assert value == pytest.approx(by_torch, abs=1e-5)


def test_class_weights_divide_the_mean() -> None:
    scene, weights = tiles(), (0.5, 2.0, 3.0)
    value = float(CrossEntropy(class_weights=weights)(scene.labels, scene.logits))
    by_torch = torch_cross_entropy(scene.labels, scene.logits, weight=torch.tensor(weights))
    as_pixels = CrossEntropy()(scene.labels, scene.logits, np.float32(weights)[scene.labels])
    assert value == pytest.approx(by_torch, abs=1e-5)
    assert value == pytest.approx(float(as_pixels), abs=1e-5)


def test_pixel_weights() -> None:
    scene = tiles()
    value = float(CrossEntropy()(scene.labels, scene.logits, scene.weight))
    reference = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    by_keras = reference(scene.labels, scene.logits, scene.weight)
    assert value == pytest.approx(float(by_keras), abs=1e-5)


def test_soft_labels() -> None:
    # -(0.25 log 0.5 + 0.75 log 0.5) = log 2, whatever the fractions, where p is even.
    labels = np.float32([[[[0.25, 0.75]]]])
    assert float(CrossEntropy()(labels, np.zeros((1, 1, 1, 2)))) == pytest.approx(np.log(2))


def test_a_sure_error_costs_its_logit_without_clipping() -> None:
    labels, logits = np.int32([[[1]]]), np.float32([[[[200.0, 0.0]]]])
    assert float(CrossEntropy()(labels, logits)) == pytest.approx(200.0)


def test_settings_out_of_range_are_refused() -> None:
    scene = tiles()
    with pytest.raises(SettingsError, match="label_smoothing is 1"):
        CrossEntropy(label_smoothing=1.0)
    with pytest.raises(SettingsError, match="class_weights is"):
        CrossEntropy(class_weights=(1.0, -1.0))
    with pytest.raises(SettingsError, match="has 2 numbers for 3 classes"):
        CrossEntropy(class_weights=(1.0, 2.0))(scene.labels, scene.logits)
