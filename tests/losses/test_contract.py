"""What every loss promises, tested on every loss."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.losses.scenes import IGNORE, NAMES, Tiles, tiles
from tilesegm.errors import InputError
from tilesegm.losses import get
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.gradients import differentiate

# These look at neighbours, so a doubled row of pixels is another picture to them.
PLACED = {
    "BorderSmoothing",
    "BoundaryRelaxation",
    "BorderWeighted",
    "Boundary",
    "HausdorffDT",
    "BoundaryDoU",
    "ActiveBoundary",
    "ClDice",
    "SkeletonRecall",
    "Pyramid",
    "MSSSIM",
    "UNet3PlusHybrid",
}

every_loss = pytest.mark.parametrize("name", NAMES)


def answer(
    loss: SegmentationLoss, scene: Tiles, weight: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    return differentiate(lambda y_pred: loss(scene.labels, y_pred, weight))(scene.logits)


def value(loss: SegmentationLoss, *inputs: np.ndarray | None) -> float:
    return float(loss(*inputs))


@every_loss
def test_answers_with_a_float32_scalar(name: str) -> None:
    scene = tiles(name)
    result = get(name)(scene.labels, scene.logits)
    assert tuple(result.shape) == ()
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert np.isfinite(float(result))


@every_loss
def test_names_its_reduction_as_keras_does(name: str) -> None:
    assert get(name).reduction == "mean_with_sample_weight"


@every_loss
def test_ignored_pixels_change_nothing_not_even_as_nan(name: str) -> None:
    scene, loss = tiles(name).with_hole(), get(name, ignore=IGNORE)
    hole = scene.labels == IGNORE
    before, gradient = answer(loss, scene)
    for strange in (-1e4, np.nan):
        logits = scene.logits.copy()
        logits[hole] = strange
        after, gradient_after = answer(loss, replace(scene, logits=logits))
        assert after == before
        np.testing.assert_array_equal(gradient_after, gradient)
    assert np.abs(gradient[hole]).max() == 0.0
    assert np.abs(gradient).max() > 0.0


@every_loss
def test_weight_zero_is_the_same_as_ignored(name: str) -> None:
    scene = tiles(name)
    hole = scene.with_hole().labels == IGNORE
    by_label = value(get(name, ignore=IGNORE), scene.with_hole().labels, scene.logits)
    by_weight = value(get(name), scene.labels, scene.logits, 1.0 - hole)
    assert by_weight == pytest.approx(by_label, rel=1e-6)


@every_loss
def test_weight_three_is_the_batch_thrice(name: str) -> None:
    scene, loss = tiles(name), get(name)
    thrice = scene.take([0, 1, 0, 1, 0, 1])
    expected = value(loss, thrice.labels, thrice.logits)
    weight = np.full(scene.labels.shape, 3.0, np.float32)
    assert value(loss, scene.labels, scene.logits, weight) == pytest.approx(expected, rel=1e-5)


@every_loss
def test_weight_two_is_the_image_twice(name: str) -> None:
    if name == "BlobLoss":
        pytest.skip("weights count pixels; every object counts once")
    scene, loss = tiles(name), get(name)
    twice = scene.take([0, 0, 1])
    expected = value(loss, twice.labels, twice.logits)
    for weight in (np.float32([2.0, 1.0]), np.float32([2.0, 1.0]).reshape(2, 1, 1)):
        assert value(loss, scene.labels, scene.logits, weight) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PLACED])
def test_weight_two_is_the_pixel_twice(name: str) -> None:
    scene, loss = tiles(name), get(name)
    rows = [0, 1, 2, 2, 3, 4, 5, 5, *range(6, 14)]
    weight = np.ones(scene.labels.shape, np.float32)
    weight[:, [2, 5]] = 2.0
    doubled = value(loss, scene.labels[:, rows], scene.logits[:, rows])
    assert value(loss, scene.labels, scene.logits, weight) == pytest.approx(doubled, rel=1e-5)


@every_loss
def test_pixel_weights_are_used(name: str) -> None:
    scene, loss = tiles(name), get(name)
    plain, _ = answer(loss, scene)
    weighted, gradient = answer(loss, scene, scene.weight)
    assert weighted != pytest.approx(plain, rel=1e-6)
    assert np.isfinite(gradient).all()


@every_loss
def test_order_of_images_does_not_matter(name: str) -> None:
    scene, loss = tiles(name, images=3), get(name)
    turned = scene.take([2, 0, 1])
    assert value(loss, turned.labels, turned.logits) == pytest.approx(
        value(loss, scene.labels, scene.logits), rel=1e-5
    )


@every_loss
@pytest.mark.parametrize("logit", [0.3, np.nan])
def test_nothing_left_is_zero_with_zero_gradient(name: str, logit: float) -> None:
    scene = tiles(name)
    labels, logits = np.full_like(scene.labels, IGNORE), np.full_like(scene.logits, logit)
    result, gradient = answer(get(name, ignore=IGNORE), Tiles(labels, logits, scene.weight))
    assert result == 0.0
    assert not gradient.any()


@every_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(name: str, dtype: str) -> None:
    scene, loss = tiles(name), get(name)
    half = keras.ops.cast(keras.ops.convert_to_tensor(scene.logits), dtype)
    exact = float(loss(scene.labels, keras.ops.cast(half, "float32")))
    result, gradient = differentiate(lambda y_pred: loss(scene.labels, y_pred))(half)
    assert result == exact
    assert np.isfinite(gradient).all()


@every_loss
@pytest.mark.parametrize("truth", [0, 1])
@pytest.mark.parametrize("said", [0, 1])
def test_gradient_is_finite_on_uniform_tiles_right_or_wrong(
    name: str, truth: int, said: int
) -> None:
    scene = tiles(name)
    labels = np.full_like(scene.labels, truth)
    for confidence in (0.0, 80.0):
        logits = np.zeros_like(scene.logits)
        if logits.shape[-1] == 1:
            logits += confidence * (2 * said - 1)
        else:
            logits[..., said] = confidence
        result, gradient = answer(get(name), Tiles(labels, logits, scene.weight))
        assert np.isfinite(result)
        assert np.isfinite(gradient).all()


@every_loss
def test_truth_beats_the_truth_moved_aside(name: str) -> None:
    scene, loss = tiles(name), get(name)
    truth = scene.one_hot if scene.logits.shape[-1] > 1 else scene.labels[..., None]
    right = 2.0 * (truth * 2.0 - 1.0).astype(np.float32)
    best, _ = answer(loss, replace(scene, logits=right))
    worse, _ = answer(loss, replace(scene, logits=np.roll(right, 4, axis=2)))
    assert loss.minimum - 1e-6 <= best < worse
    _, gradient = answer(loss, replace(scene, logits=30.0 * right))
    assert np.isfinite(gradient).all()


@every_loss
def test_ids_and_one_hot_labels_agree(name: str) -> None:
    scene = tiles(name).with_hole()
    loss = get(name, ignore=IGNORE)
    expected = value(loss, scene.labels, scene.logits)
    as_bytes = scene.labels.astype(np.uint8)
    assert value(loss, as_bytes[..., None], scene.logits) == expected
    if scene.logits.shape[-1] > 1:
        assert value(get(name), scene.one_hot, scene.logits) == pytest.approx(expected, rel=1e-6)


@every_loss
def test_logits_and_probabilities_agree(name: str) -> None:
    if name == "LovaszHinge":
        pytest.skip("a hinge has a margin and takes logits only")
    scene = tiles(name)
    probability = keras.ops.softmax(scene.logits, axis=-1)
    assert value(get(name, from_logits=False), scene.labels, probability) == pytest.approx(
        value(get(name), scene.labels, scene.logits), rel=1e-4, abs=1e-5
    )


@every_loss
def test_config_rebuilds_the_loss(name: str) -> None:
    scene = tiles(name)
    loss = get(name, ignore=IGNORE, name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert (again.name, again.ignore) == ("mine", IGNORE)
    assert value(again, scene.labels, scene.logits) == value(loss, scene.labels, scene.logits)


@every_loss
def test_wrong_inputs_are_refused_in_one_line(name: str) -> None:
    scene, loss = tiles(name), get(name)
    channels = scene.logits.shape[-1]
    bad = {
        "y_pred has shape": (scene.labels, scene.logits[0]),
        "y_true has shape": (scene.labels[0], scene.logits),
        "y_true holds the label": (np.full_like(scene.labels, channels + 1), scene.logits),
        "sample_weight has shape": (scene.labels, scene.logits, np.ones((2, 3, 3), np.float32)),
        "sample_weight holds": (scene.labels, scene.logits, -scene.weight),
    }
    for message, inputs in bad.items():
        with pytest.raises(InputError, match=message) as caught:
            loss(*inputs)
        assert "\n" not in str(caught.value)
