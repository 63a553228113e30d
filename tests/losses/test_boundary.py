"""Losses that look at borders, beside numpy, scipy and values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops
from scipy import ndimage
from scipy.special import log_softmax, softmax

from tilesegm.errors import SettingsError
from tilesegm.losses.active_boundary import ActiveBoundary, predicted_border
from tilesegm.losses.boundary import Boundary
from tilesegm.losses.boundary_dou import BoundaryDoU
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.distance_weighted import BorderWeighted, distance_weights
from tilesegm.losses.gradients import differentiate
from tilesegm.losses.hausdorff import HausdorffDT
from tilesegm.losses.morphology import contour

IGNORE = 255


def scene(classes: int = 3, seed: int = 0, size: int = 22) -> tuple[np.ndarray, np.ndarray]:
    """Label map of smooth regions and logits that agree with it in part."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(2, size, size + 4, classes)), (0, 3, 3, 0))
    labels = fields.argmax(axis=-1).astype(np.int32)
    noise = rng.normal(size=fields.shape)
    return labels, (2.0 * np.eye(classes)[labels] + 1.5 * noise).astype(np.float32)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return (labels[..., None] == np.arange(classes)).astype(np.float32)


def edt(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(mask)


def phi(mask: np.ndarray) -> np.ndarray:
    """Kervadec's level set; 0 without a boundary."""
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    return edt(~mask) * ~mask - (edt(mask) - 1) * mask


def per_class(labels: np.ndarray, classes: int, function: object) -> np.ndarray:
    """A function of masks for each image and class, as ``(N, H, W, K)``."""
    hot = one_hot(labels, classes) > 0
    maps = [[function(hot[n, ..., k]) for k in range(classes)] for n in range(len(labels))]
    return np.moveaxis(np.array(maps), 1, -1)


def test_contour_by_hand() -> None:
    labels = np.array([[[0, 0, 1, 1], [0, 0, 1, 1], [2, 0, 0, 0]]])
    weight = np.ones(labels.shape, np.float32)
    weight[0, 1, 3] = 0
    got = np.asarray(contour(one_hot(labels, 3), weight))[0].astype(int)
    np.testing.assert_array_equal(got, [[0, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]])


def test_distance_weights_by_hand() -> None:
    labels = np.array([[[0, 0, 0, 1, 1, 1, 1]]])
    weight = np.ones(labels.shape, np.float32)
    got = np.asarray(distance_weights(one_hot(labels, 2), weight, w0=10.0, sigma=2.0))[0, 0]
    distance = np.array([2, 1, 0, 0, 1, 2, 3])
    np.testing.assert_allclose(got, 1 + 10 * np.exp(-(distance**2) / 8.0), rtol=1e-6)
    uniform = np.asarray(distance_weights(one_hot(0 * labels, 2), weight))
    np.testing.assert_array_equal(uniform, 1.0)


def test_border_weighted_is_cross_entropy_under_those_weights() -> None:
    labels, logits = scene()
    labels[0, :3] = IGNORE
    own = np.random.default_rng(1).uniform(0, 2, labels.shape).astype(np.float32)
    valid = own * (labels != IGNORE)
    near = np.asarray(distance_weights(one_hot(labels, 3), valid, w0=4.0, sigma=3.0))
    loss = BorderWeighted(w0=4.0, sigma=3.0, ignore=IGNORE)
    expected = CrossEntropy(ignore=IGNORE)(labels, logits, own * near)
    assert float(loss(labels, logits, own)) == pytest.approx(float(expected), rel=1e-6)
    plain = BorderWeighted(w0=0.0, ignore=IGNORE)(labels, logits, own)
    assert float(plain) == pytest.approx(float(CrossEntropy(ignore=IGNORE)(labels, logits, own)))


def test_boundary_by_hand() -> None:
    labels = np.array([[[0, 0, 1, 1, 0]]])
    probability = np.array([0.5, 0.25, 1.0, 0.0, 0.75], np.float32).reshape(1, 1, 5, 1)
    # phi is 2, 1, 0, 0, 1.
    total = (2 * 0.5 + 1 * 0.25 + 1 * 0.75) / 5
    loss = Boundary(from_logits=False, normalise=False)
    assert float(loss(labels, probability)) == pytest.approx(total)
    scaled = Boundary(from_logits=False)(labels, probability)
    assert float(scaled) == pytest.approx(total / math.hypot(1, 5))
    clipped = Boundary(from_logits=False, radius=1.0)(labels, probability)
    assert float(clipped) == pytest.approx((1 * 0.5 + 1 * 0.25 + 1 * 0.75) / 5)


def test_boundary_equals_scipy_and_its_gradient_is_phi() -> None:
    labels, logits = scene()
    labels[1] = 2
    level = per_class(labels, 3, phi)
    probability = softmax(logits, axis=-1)
    loss = Boundary(from_logits=False, normalise=False)
    value, gradient = differentiate(lambda p: loss(labels, p))(probability)
    assert value == pytest.approx((level * probability).mean(), rel=1e-5)
    np.testing.assert_allclose(gradient, level / level.size, atol=1e-8)
    assert not gradient[1].any()


def test_boundary_may_be_negative_and_says_so() -> None:
    labels, _ = scene()
    truth = 60.0 * one_hot(labels, 3)
    assert Boundary.minimum == -math.inf
    assert float(Boundary()(labels, truth)) < 0.0


@pytest.mark.parametrize("alpha", [1.0, 2.0])
@pytest.mark.parametrize("one_sided", [False, True])
def test_hausdorff_equals_scipy(alpha: float, one_sided: bool) -> None:
    labels, logits = scene()
    probability = softmax(logits, axis=-1)

    def field(mask: np.ndarray) -> np.ndarray:
        return (edt(mask) + edt(~mask)) ** alpha

    fields = per_class(labels, 3, field)
    if not one_sided:
        said = np.stack([(probability > 0.5)[..., k] for k in range(3)])
        fields = fields + np.moveaxis([[field(m) for m in masks] for masks in said], 0, -1)
    expected = (np.square(probability - one_hot(labels, 3)) * fields).mean()
    loss = HausdorffDT(alpha=alpha, one_sided=one_sided, normalise=False)
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-5)
    scaled = HausdorffDT(alpha=alpha, one_sided=one_sided)(labels, logits)
    assert float(scaled) == pytest.approx(expected / math.hypot(22, 26) ** alpha, rel=1e-5)


def test_hausdorff_punishes_the_far_error_more() -> None:
    labels = np.zeros((1, 16, 16), np.int32)
    labels[0, 6:10, 6:10] = 1
    losses = []
    for column in (11, 15):
        probability = labels[..., None].astype(np.float32)
        probability[0, 8, column] = 1.0
        losses.append(float(HausdorffDT(from_logits=False)(labels, probability)))
    assert 0 < 5 * losses[0] < losses[1]


def test_boundary_dou_by_hand() -> None:
    labels = np.zeros((1, 8, 8), np.int32)
    labels[0, 2:6, 2:6] = 1
    probability = np.zeros((1, 8, 8, 1), np.float32)
    probability[0, 2:6, 3:7] = 1.0
    # 16 pixels, 12 of them on the boundary; 12 shared, 4 on either side.
    a = 1 - 2 * 12 / 16
    expected = (16 + 16 - 2 * 12) / (16 + 16 - (1 + a) * 12)
    assert float(BoundaryDoU(from_logits=False)(labels, probability)) == pytest.approx(expected)


def test_boundary_dou_equals_convolution_on_inner_objects() -> None:
    labels, _ = scene(2)
    labels[:, :2] = labels[:, -2:] = labels[:, :, :2] = labels[:, :, -2:] = 0
    probability = np.random.default_rng(4).random((*labels.shape, 1)).astype(np.float32)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    around = np.stack([ndimage.convolve(mask, cross, mode="constant") for mask in labels])
    size, rim = labels.sum(), ((around * labels > 0) & (around < 5)).sum()
    a = min(1 - 2 * rim / size, 0.8)
    p, g = probability[..., 0], labels
    both, squares = (p * g).sum(), (p * p).sum() + g.sum()
    expected = (squares - 2 * both) / (squares - (1 + a) * both)
    got = BoundaryDoU(from_logits=False)(labels, probability)
    assert float(got) == pytest.approx(expected, rel=1e-5)


def slow_active_boundary(labels: np.ndarray, logits: np.ndarray, border: np.ndarray) -> float:
    """The definition, pixel by pixel, for one image (label_smoothing 0.2, theta 20)."""
    log_p, (H, W) = log_softmax(logits, axis=-1), labels.shape

    def inside(row: int, column: int) -> bool:
        return 0 <= row < H and 0 <= column < W

    edge = np.zeros((H, W), bool)
    for r, c in np.ndindex(H, W):
        for y, x in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            edge[r, c] |= inside(y, x) and labels[y, x] != labels[r, c]
    distance = edt(~edge)
    around = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    total, count = 0.0, 0
    for r, c in np.argwhere(border):
        beside = [(r + y, c + x) for y, x in around if inside(r + y, c + x)]
        contrast = np.array([(np.exp(log_p[b]) * (log_p[b] - log_p[r, c])).sum() for b in beside])
        label = np.full(len(beside), 0.2 / len(beside))
        label[np.argmin([distance[b] for b in beside])] += 0.8
        total -= (label * log_softmax(contrast)).sum() * min(distance[r, c], 20.0) / 20.0
        count += 1
    return total / count


def test_active_boundary_equals_the_slow_definition() -> None:
    labels, logits = scene()
    labels, logits = labels[:1], logits[:1]
    log_p = ops.log_softmax(logits, axis=-1)
    border = np.asarray(predicted_border(log_p, ops.ones(labels.shape), fraction=0.05))
    assert 0.05 < border.mean() < 0.5
    expected = slow_active_boundary(labels[0], logits[0], border[0])
    got = ActiveBoundary(fraction=0.05)(labels, logits)
    assert float(got) == pytest.approx(expected, rel=1e-4)


def test_active_boundary_pulls_a_border_towards_the_truth() -> None:
    labels = np.zeros((1, 9, 24), np.int32)
    labels[:, :, 12:] = 1
    columns = np.arange(24)
    losses = []
    for place in (12, 15, 18):
        logits = np.broadcast_to(2.0 * (columns - place + 0.5), labels.shape)[..., None]
        losses.append(float(ActiveBoundary()(labels, logits.astype(np.float32))))
    assert losses == sorted(losses)
    assert losses[0] < 0.2 * losses[-1]


@pytest.mark.parametrize(
    "loss",
    [
        Boundary(ignore=IGNORE, normalise=False),
        HausdorffDT(ignore=IGNORE, normalise=False),
        BoundaryDoU(ignore=IGNORE),
        BorderWeighted(ignore=IGNORE),
    ],
    ids=lambda loss: loss.name,
)
def test_ignored_pixels_are_as_if_the_tile_ended_there(loss: Boundary) -> None:
    labels, logits = scene()
    beyond = ((0, 0), (3, 5), (4, 2))
    padded = np.pad(labels, beyond, constant_values=IGNORE)
    noise = np.pad(logits, (*beyond, (0, 0)), constant_values=3.3)
    assert float(loss(padded, noise)) == pytest.approx(float(loss(labels, logits)), rel=1e-5)


@pytest.mark.parametrize("loss", [Boundary(radius=5.0), BoundaryDoU()])
def test_compiled_equals_eager(loss: Boundary) -> None:
    labels, logits = scene(2, size=10)
    value, gradient = differentiate(lambda z: loss(labels, z))(logits)
    compiled, same = differentiate(lambda z: loss(labels, z), compiled=True)(logits)
    assert compiled == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(same, gradient, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Boundary(radius=0.0), "radius is 0"),
        (lambda: HausdorffDT(alpha=0.0), "alpha is 0"),
        (lambda: BorderWeighted(sigma=0.0), "sigma is 0"),
        (lambda: BoundaryDoU(limit=1.0), "limit is 1"),
        (lambda: ActiveBoundary(theta=0.0), "theta is 0"),
        (lambda: ActiveBoundary(fraction=0.0), "fraction is 0"),
    ],
)
def test_wrong_settings_are_refused(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
