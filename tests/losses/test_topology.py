"""Skeletons and the losses built on them, and losses that count objects."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import morphology

from tilesegm.errors import InputError, SettingsError
from tilesegm.losses.blob import BlobLoss, number_blobs
from tilesegm.losses.cldice import ClDice
from tilesegm.losses.dice import Dice
from tilesegm.losses.gradients import differentiate
from tilesegm.losses.skeleton import soft_skeleton, thin
from tilesegm.losses.skeleton_recall import SkeletonRecall, skeleton_tube

IGNORE = 255
CROSS = ndimage.generate_binary_structure(2, 1)


def thinned(mask: np.ndarray) -> np.ndarray:
    return np.asarray(thin(mask[None, ..., None]))[0, ..., 0]


def skeleton(image: np.ndarray, iterations: int) -> np.ndarray:
    valid = np.ones((1, *image.shape, 1), bool)
    return np.asarray(soft_skeleton(image[None, ..., None].astype(np.float32), valid, iterations))[
        0, ..., 0
    ]


def reference_skeleton(image: np.ndarray, iterations: int) -> np.ndarray:
    """Algorithm 1 of the clDice paper by grey morphology, nothing beyond the edge."""

    def opened(x: np.ndarray) -> np.ndarray:
        worn = ndimage.grey_erosion(x, footprint=CROSS, mode="constant", cval=np.inf)
        return ndimage.grey_dilation(worn, size=3, mode="constant", cval=-np.inf)

    result = np.maximum(image - opened(image), 0)
    for _ in range(iterations):
        image = ndimage.grey_erosion(image, footprint=CROSS, mode="constant", cval=np.inf)
        delta = np.maximum(image - opened(image), 0)
        result = result + np.maximum(delta - result * delta, 0)
    return result


def cross_shaped() -> np.ndarray:
    """Two roads that cross, 3 pixels wide."""
    labels = np.zeros((1, 21, 25), np.int32)
    labels[0, 9:12, 2:23] = 1
    labels[0, 2:19, 11:14] = 1
    return labels


@pytest.mark.parametrize("smoothness", [0.6, 1.5, 3.0])
def test_thin_equals_skimage(smoothness: float) -> None:
    noise = np.random.default_rng(5).normal(size=(2, 40, 47))
    masks = ndimage.gaussian_filter(noise, (0, smoothness, smoothness)) > 0
    got = np.asarray(thin(masks[..., None]))[..., 0]
    for mask, lines in zip(masks, got, strict=True):
        np.testing.assert_array_equal(lines, morphology.thin(mask))


@settings(max_examples=12, deadline=None)
@given(hnp.arrays(bool, (8, 9)))
def test_thin_keeps_what_is_connected(mask: np.ndarray) -> None:
    lines = thinned(mask)
    assert not (lines & ~mask).any()
    everything = np.ones((3, 3))
    assert ndimage.label(lines, everything)[1] == ndimage.label(mask, everything)[1]
    np.testing.assert_array_equal(thinned(lines), lines)


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.float32, (8, 10), elements=st.floats(0, 1, width=32)), st.integers(1, 4))
def test_soft_skeleton_equals_grey_morphology(image: np.ndarray, iterations: int) -> None:
    np.testing.assert_allclose(
        skeleton(image, iterations), reference_skeleton(image, iterations), atol=1e-6
    )


def test_soft_skeleton_of_a_bar_is_its_middle() -> None:
    bar = np.zeros((7, 9))
    bar[2:5, :] = 1.0
    np.testing.assert_array_equal(skeleton(bar, 3)[3], 1.0)
    assert skeleton(bar, 3).sum() == 9
    # One erosion is too few for a half-width of two.
    wide = np.ones((7, 9)) * (np.abs(np.arange(7) - 3) <= 2)[:, None]
    assert skeleton(wide, 1).sum() == 0
    assert skeleton(wide, 2).sum() == 9


def test_cl_dice_by_hand() -> None:
    labels = np.zeros((1, 5, 10), np.int32)
    labels[0, 2] = 1
    probability = np.zeros((1, 5, 10, 1), np.float32)
    probability[0, 2, :6] = 1.0
    # The predicted skeleton, 6 pixels, is inside; of the true one, 10 pixels, 6 are found.
    precision, sensitivity = 1.0, (6 + 1) / (10 + 1)
    expected = 1 - 2 * precision * sensitivity / (precision + sensitivity)
    loss = ClDice(iterations=2, from_logits=False)
    assert float(loss(labels, probability)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(labels, labels[..., None].astype(np.float32))) == pytest.approx(0, abs=1e-6)


def test_cl_dice_prefers_a_thinner_road_to_a_broken_one() -> None:
    labels = cross_shaped()
    thinner = morphology.thin(labels[0] > 0)[None, ..., None].astype(np.float32)
    broken = labels[..., None].astype(np.float32)
    broken[0, :, 5:7] = 0.0
    loss = ClDice(iterations=3, from_logits=False)
    wrong = [np.abs(p[..., 0] - labels).sum() for p in (thinner, broken)]
    assert wrong[0] > wrong[1]
    assert float(loss(labels, thinner)) < 0.2 * float(loss(labels, broken))


def test_one_channel_and_two_channels_agree() -> None:
    labels = cross_shaped()
    logits = np.random.default_rng(6).normal(size=(*labels.shape, 1)).astype(np.float32)
    both = np.concatenate([0 * logits, logits], axis=-1)
    for loss in (ClDice(iterations=3), SkeletonRecall(), BlobLoss()):
        one = float(loss(labels, logits))
        assert one == pytest.approx(float(loss(labels, both)), rel=1e-5)
        assert one > 0.1


def test_skeleton_tube_equals_skimage() -> None:
    mask = np.zeros((14, 30), bool)
    mask[3:11, 4:26] = True
    lines = morphology.thin(mask)
    for _ in range(2):
        lines = morphology.dilation(lines, CROSS)
    target = mask[None, ..., None].astype(np.float32)
    got = np.asarray(skeleton_tube(target, np.ones(target.shape, bool)))[0, ..., 0]
    np.testing.assert_array_equal(got > 0, lines & mask)


def test_skeleton_recall_by_hand() -> None:
    labels = np.zeros((1, 7, 12), np.int32)
    labels[0, 3] = 1
    probability = np.full((1, 7, 12, 1), 0.25, np.float32)
    weight = np.ones(labels.shape, np.float32)
    weight[0, 3, :6] = 3.0
    probability[0, 3, :6] = 1.0
    loss = SkeletonRecall(from_logits=False)
    # The line is its own tube: 12 pixels, the first six found.
    assert float(loss(labels, probability)) == pytest.approx(6 * 0.75 / 12)
    assert float(loss(labels, probability, weight)) == pytest.approx(6 * 0.75 / 24)
    assert float(loss(labels, np.ones_like(probability))) == 0.0
    assert float(loss(0 * labels, probability)) == 0.0


@pytest.mark.parametrize("loss", [ClDice(iterations=3, ignore=IGNORE), BlobLoss(ignore=IGNORE)])
def test_ignored_pixels_are_as_if_the_tile_ended_there(loss: ClDice) -> None:
    labels = cross_shaped()[:, 5:]
    logits = np.random.default_rng(8).normal(size=(*labels.shape, 1)).astype(np.float32)
    beyond = ((0, 0), (3, 5), (4, 2))
    padded = np.pad(labels, beyond, constant_values=IGNORE)
    noise = np.pad(logits, (*beyond, (0, 0)), constant_values=9.0)
    assert float(loss(padded, noise)) == pytest.approx(float(loss(labels, logits)), rel=1e-5)


def slow_blob_dice(labels: np.ndarray, probability: np.ndarray) -> float:
    """One object at a time, the others masked out of the image."""
    losses = []
    for image, p in zip(labels, probability[..., 0], strict=True):
        blobs, count = ndimage.label(image, np.ones((3, 3)))
        for i in range(1, count + 1):
            seen = (blobs == 0) | (blobs == i)
            g = blobs[seen] == i
            losses.append(1 - 2 * p[seen][g].sum() / (p[seen].sum() + g.sum()))
    return float(np.mean(losses))


def test_blob_loss_equals_one_object_at_a_time() -> None:
    rng = np.random.default_rng(9)
    labels = (ndimage.gaussian_filter(rng.normal(size=(3, 30, 34)), (0, 2, 2)) > 0.12).astype(int)
    labels[2] = 0
    probability = rng.random((*labels.shape, 1)).astype(np.float32)
    numbered = np.stack([number_blobs(image) for image in labels])
    loss = BlobLoss(from_logits=False)
    value, gradient = differentiate(lambda p: loss(numbered, p))(probability)
    assert value == pytest.approx(slow_blob_dice(labels, probability), rel=1e-5)
    compiled, same = differentiate(lambda p: loss(numbered, p), compiled=True)(probability)
    assert compiled == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(same, gradient, atol=1e-7)


def test_blob_loss_sees_the_small_object() -> None:
    labels = np.zeros((1, 20, 20), np.int32)
    labels[0, 2:12, 2:12], labels[0, 15:17, 15:17] = 1, 1
    found = labels[..., None].astype(np.float32)
    found[0, 15:17, 15:17] = 0.0
    numbered = number_blobs(labels[0])[None]
    loss = BlobLoss(from_logits=False)
    assert float(loss(numbered, found)) == pytest.approx(0.5)
    assert float(loss(labels, found)) == pytest.approx(1 - 200 / 204)


def test_the_loss_beside_gets_labels_without_numbers() -> None:
    labels = cross_shaped()
    labels[0, :2] = IGNORE
    numbered = number_blobs(labels[0], ignore=IGNORE)[None]
    assert numbered.max() > 1024
    logits = np.random.default_rng(11).normal(size=(*labels.shape, 2)).astype(np.float32)
    both = BlobLoss(global_loss=2 * Dice(ignore=IGNORE))
    expected = 2 * float(Dice(ignore=IGNORE)(labels, logits))
    expected += float(BlobLoss(ignore=IGNORE)(numbered, logits))
    assert float(both(numbered, logits)) == pytest.approx(expected, rel=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(both))
    assert float(again(numbered, logits)) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(SettingsError, match="global_loss has another"):
        BlobLoss(global_loss=Dice(), ignore=IGNORE)


def test_numbers_keep_the_class_and_go_round_the_limit() -> None:
    classes = np.array([[1, 0, 1, 2], [0, 0, 1, 255], [2, 2, 0, 1]])
    numbered = number_blobs(classes, ignore=IGNORE)
    np.testing.assert_array_equal(numbered % 1024, classes)
    # Objects of class 1 come first; its last two pixels touch at a corner.
    np.testing.assert_array_equal(numbered // 1024, [[1, 0, 2, 3], [0, 0, 2, 0], [4, 4, 0, 2]])
    assert numbered.dtype == np.int32
    rng = np.random.default_rng(10)
    probability = rng.random((1, 3, 4, 3)).astype(np.float32)
    many = BlobLoss(from_logits=False, ignore=IGNORE, limit=64)(numbered[None], probability)
    one = BlobLoss(from_logits=False, ignore=IGNORE, limit=1)(numbered[None], probability)
    plain = BlobLoss(from_logits=False, ignore=IGNORE)(classes[None], probability)
    assert float(one) == pytest.approx(float(plain))
    assert float(many) != pytest.approx(float(plain), rel=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClDice(iterations=0), "iterations is 0"),
        (lambda: SkeletonRecall(width=-1), "width is -1"),
        (lambda: BlobLoss(limit=0), "limit is 0"),
    ],
)
def test_wrong_settings_are_refused(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_classes_that_have_no_number_are_refused() -> None:
    with pytest.raises(InputError, match="the id 1024"):
        number_blobs(np.full((2, 2), 1024))
