"""Losses over several outputs or several resolutions."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage
from skimage.metrics import structural_similarity

from tilesegm.errors import InputError, SettingsError
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.deep_supervision import DeepSupervision, nearest, output_weights
from tilesegm.losses.focal import Focal
from tilesegm.losses.gradients import differentiate
from tilesegm.losses.inputs import prepare_inputs
from tilesegm.losses.ms_ssim import MSSSIM, similarity
from tilesegm.losses.pyramid import Pyramid, pooled
from tilesegm.losses.recipes import UNet3PlusHybrid
from tilesegm.losses.tversky import Jaccard

IGNORE = 255


def scene(size: int = 16, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    fields = ndimage.gaussian_filter(rng.normal(size=(2, size, size, classes)), (0, 3, 3, 0))
    labels = fields.argmax(axis=-1).astype(np.int32)
    return labels, rng.normal(size=fields.shape).astype(np.float32)


def maps(size: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Binary truth and probabilities near it, ``(1, size, size, 1)``."""
    rng = np.random.default_rng(seed)
    truth = ndimage.gaussian_filter(rng.normal(size=(size, size)), 4) > 0
    near = np.clip(
        ndimage.gaussian_filter(truth.astype(float), 2) + rng.normal(0, 0.1, truth.shape), 0, 1
    )
    return (x.astype(np.float32)[None, ..., None] for x in (truth, near))


def test_output_weights() -> None:
    assert output_weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert output_weights(3, "halving_without_last") == pytest.approx([2 / 3, 1 / 3, 0])
    assert output_weights(1, "halving_without_last") == [1.0]
    assert output_weights(4, "equal") == [0.25] * 4
    assert output_weights(2, [3, 1]) == [0.75, 0.25]


def test_nearest_picks_the_pixel_under_the_centre() -> None:
    row = np.arange(8).reshape(1, 1, 8)
    assert np.asarray(nearest(row, (1, 4))).tolist() == [[[1, 3, 5, 7]]]
    assert np.asarray(nearest(row, (1, 2))).tolist() == [[[2, 6]]]
    assert np.asarray(nearest(row, (1, 3))).tolist() == [[[1, 4, 6]]]
    assert np.asarray(nearest(row, (2, 8))).shape == (1, 2, 8)


def test_deep_supervision_is_the_weighted_sum_over_outputs() -> None:
    labels, logits = scene()
    labels[0, :5] = IGNORE
    weight = np.random.default_rng(2).uniform(0, 2, labels.shape).astype(np.float32)
    outputs = [logits, logits[:, ::2, ::2], logits[:, ::4, ::4]]
    base = CrossEntropy(ignore=IGNORE)
    steps = [
        float(base(labels[:, o::s, o::s], z, weight[:, o::s, o::s]))
        for z, s, o in zip(outputs, (1, 2, 4), (0, 1, 2), strict=True)
    ]
    expected = (4 * steps[0] + 2 * steps[1] + steps[2]) / 7
    loss = DeepSupervision(base)
    assert float(loss(labels, outputs, weight)) == pytest.approx(expected, rel=1e-6)
    named = dict(zip("abc", outputs, strict=True))
    assert float(loss(labels, named, weight)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(labels, logits, weight)) == pytest.approx(steps[0], rel=1e-6)
    last = DeepSupervision(base, weights=[0, 0, 1])
    assert float(last(labels, outputs, weight)) == pytest.approx(steps[2], rel=1e-6)


def test_deep_supervision_takes_image_weights_and_one_hot_labels() -> None:
    labels, logits = scene()
    outputs = [logits, logits[:, ::2, ::2]]
    loss, share = DeepSupervision(CrossEntropy()), np.float32([3, 1])
    expected = float(loss(labels, outputs, np.broadcast_to(share[:, None, None], labels.shape)))
    one_hot = np.eye(3, dtype=np.float32)[labels]
    for weight in (share, share.reshape(2, 1, 1)):
        assert float(loss(one_hot, outputs, weight)) == pytest.approx(expected, rel=1e-6)


class DeepModel(keras.Model):
    """Two outputs in training, judged as the documentation says."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = (keras.layers.Conv2D(2, 1, strides=s) for s in (1, 2))
        self.judge = DeepSupervision(CrossEntropy())

    def call(self, x: object) -> list[object]:
        return [self.fine(x), self.coarse(x)]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.judge(y, y_pred, sample_weight)


def test_deep_supervision_trains_in_fit() -> None:
    rng = np.random.default_rng(3)
    images = rng.normal(size=(8, 8, 8, 1)).astype(np.float32)
    labels = (images[..., 0] > 0).astype(np.int32)
    keras.utils.set_random_seed(0)
    model = DeepModel()
    model.compile(optimizer=keras.optimizers.Adam(0.2))
    history = model.fit(images, labels, epochs=6, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]


def test_deep_supervision_refuses_what_does_not_fit() -> None:
    labels, logits = scene()
    with pytest.raises(InputError, match="3 outputs, weights 2 numbers"):
        DeepSupervision(CrossEntropy(), weights=[1, 1])(labels, [logits] * 3)
    with pytest.raises(InputError, match="no outputs"):
        DeepSupervision(CrossEntropy())(labels, [])
    for weights in ("thirds", [0, 0], [1, -1], []):
        with pytest.raises(SettingsError, match="weights is"):
            DeepSupervision(CrossEntropy(), weights=weights)


def test_pooling_by_hand() -> None:
    labels = np.array([[[1, 0, 1], [0, 255, 1]]])
    probability = np.array([[[0.9, 0.1, 0.5], [0.2, 0.7, 0.3]]], np.float32)[..., None]
    weight = np.array([[[2, 1, 1], [1, 1, 3]]], np.float32)
    batch = prepare_inputs(labels, probability, weight, from_logits=False, ignore=IGNORE)
    small = pooled(batch, 2)
    np.testing.assert_allclose(small.weight, [[[4, 4]]])
    np.testing.assert_allclose(small.target[..., 0], [[[2 / 4, 4 / 4]]])
    np.testing.assert_allclose(
        small.scores[..., 0], [[[(1.8 + 0.1 + 0.2) / 4, (0.5 + 0.9) / 4]]], rtol=1e-6
    )
    assert pooled(batch, 1) is batch


def test_pyramid_asks_for_the_right_amount() -> None:
    rng = np.random.default_rng(4)
    labels = (rng.random((1, 16, 16)) < 0.3).astype(np.int32)
    shares = labels.reshape(1, 4, 4, 4, 4).mean(axis=(2, 4), keepdims=True)
    smooth = np.broadcast_to(shares, (1, 4, 4, 4, 4)).reshape(1, 16, 16, 1).astype(np.float32)
    coarse = Pyramid(Jaccard(from_logits=False), scales=[4])
    assert float(coarse(labels, smooth)) == pytest.approx(0.0, abs=1e-5)
    assert float(coarse(labels, smooth * 0.8)) == pytest.approx(0.2, abs=1e-5)
    assert float(Pyramid(Jaccard(from_logits=False))(labels, smooth)) > 0.3


def test_pyramid_is_the_mean_over_scales() -> None:
    labels, logits = scene(15)
    parts = [float(Pyramid(CrossEntropy(), scales=[s])(labels, logits)) for s in (1, 2, 4)]
    assert parts[0] == pytest.approx(float(CrossEntropy()(labels, logits)))
    assert float(Pyramid(CrossEntropy())(labels, logits)) == pytest.approx(np.mean(parts))
    weighted = Pyramid(CrossEntropy(), weights=[2, 1, 1])(labels, logits)
    assert float(weighted) == pytest.approx((2 * parts[0] + parts[1] + parts[2]) / 4)


@pytest.mark.parametrize("side", [0, 1])
def test_ignored_rim_is_as_if_the_tile_ended_there(side: int) -> None:
    labels, logits = scene(24)
    # Whole blocks at the far end, so that blocks and levels stay where they are.
    beyond = ((0, 0), (0, 8 * side), (0, 8))
    padded = np.pad(labels, beyond, constant_values=IGNORE)
    noise = np.pad(logits, (*beyond, (0, 0)), constant_values=5.0)
    for loss in (Pyramid(Jaccard(ignore=IGNORE)), MSSSIM(ignore=IGNORE)):
        assert float(loss(padded, noise)) == pytest.approx(float(loss(labels, logits)), rel=1e-5)


def test_similarity_equals_skimage_inside() -> None:
    truth, near = maps(40)
    pair = (ops.convert_to_tensor(image) for image in (truth, near))
    luminance, contrast = similarity(*pair, ops.ones((1, 40, 40)))
    _, expected = structural_similarity(
        truth[0, ..., 0].astype(np.float64),
        near[0, ..., 0].astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    got = np.asarray(luminance * contrast)[0, ..., 0]
    np.testing.assert_allclose(got[5:-5, 5:-5], expected[5:-5, 5:-5], atol=2e-5)


def test_ms_ssim_equals_tensorflow_where_windows_are_whole() -> None:
    import tensorflow as tf

    truth, near = maps(96)
    powers = (0.3, 0.3, 0.4)
    expected = float(tf.image.ssim_multiscale(truth, near, 1.0, power_factors=powers)[0])
    batch = prepare_inputs(truth, near, from_logits=False)
    product = 1.0
    for i, power in enumerate(powers):
        level = pooled(batch, 2**i)
        luminance, contrast = similarity(level.target, level.probability, level.weight)
        terms = luminance * contrast if i == 2 else contrast
        product *= np.asarray(terms)[:, 5:-5, 5:-5].mean() ** power
    assert product == pytest.approx(expected, abs=1e-5)


def test_ms_ssim_uses_as_many_resolutions_as_fit() -> None:
    truth, near = maps(64)
    three = float(MSSSIM(from_logits=False)(truth, near))
    powers = (0.0448, 0.2856, 0.3001)
    scaled = [1.0001 * b / sum(powers) for b in powers]
    assert three == pytest.approx(float(MSSSIM(from_logits=False, powers=scaled)(truth, near)))
    tiny = [np.zeros((1, 4, 5, 1), np.float32), np.full((1, 4, 5, 1), 0.5, np.float32)]
    assert 0 < float(MSSSIM(from_logits=False)(*tiny)) < 1


def test_ms_ssim_orders_and_stays_finite_at_the_opposite() -> None:
    truth, near = maps(48)
    loss = MSSSIM(from_logits=False)
    values = []
    for guess in (truth, near, np.full_like(truth, 0.5), 1 - truth):
        value, gradient = differentiate(lambda p: loss(truth, p))(guess)
        assert np.isfinite(gradient).all()
        values.append(value)
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values == sorted(values)
    assert values[-1] <= 1.0


def test_unet3plus_is_the_sum_of_its_parts() -> None:
    labels, logits = scene(24)
    parts = [Focal(), MSSSIM(), Jaccard()]
    expected = sum(float(part(labels, logits)) for part in parts)
    assert float(UNet3PlusHybrid()(labels, logits)) == pytest.approx(expected, rel=1e-6)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(UNet3PlusHybrid(ignore=7))
    )
    assert again.ignore == 7
    assert len(again.terms) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pyramid(CrossEntropy(), scales=[0]), "scales is"),
        (lambda: Pyramid(CrossEntropy(), weights=[1]), "weights is"),
        (lambda: MSSSIM(window=4), "window is 4"),
        (lambda: MSSSIM(powers=[]), "powers is"),
    ],
)
def test_wrong_settings_are_refused(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
