"""Dice, Jaccard, Tversky and their kin against MONAI, scikit-learn and numbers by hand."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

from tests.losses.scenes import tiles
from tilesegm.errors import SettingsError
from tilesegm.losses import (
    MCC,
    AsymmetricFocalTversky,
    Dice,
    ExpLogDice,
    FocalTversky,
    GeneralizedDice,
    Jaccard,
    Tversky,
    recipe,
)
from tilesegm.losses.gradients import differentiate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.losses")
    metrics = pytest.importorskip("sklearn.metrics")


def by_monai(reference: object, name: str = "CrossEntropy") -> float:
    scene = tiles(name)
    labels = scene.one_hot if scene.logits.shape[-1] > 1 else scene.labels[..., None]
    first = [np.moveaxis(a, -1, 1).astype(np.float32) for a in (scene.logits, labels)]
    return float(reference(*(torch.from_numpy(np.ascontiguousarray(a)) for a in first)))


def on_scene(loss: object, name: str = "CrossEntropy") -> float:
    scene = tiles(name)
    return float(loss(scene.labels, scene.logits))


def certain(labels: np.ndarray) -> np.ndarray:
    """Logits of +-40, whose probabilities are 0 and 1 in float32."""
    return 40.0 * (np.eye(3)[labels] * 2.0 - 1.0)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("pool", ["batch", "image"])
@pytest.mark.parametrize("background", [True, False])
def test_dice_is_that_of_monai(power: int, pool: str, background: bool) -> None:
    loss = Dice(power=power, pool=pool, background=background)
    reference = monai.DiceLoss(
        softmax=True,
        squared_pred=power == 2,
        batch=pool == "batch",
        include_background=background,
        smooth_nr=1e-5,
        smooth_dr=1e-5,
    )
    assert on_scene(loss) == pytest.approx(by_monai(reference), abs=1e-5)


def test_binary_dice_is_that_of_monai_and_keras() -> None:
    name = "LovaszHinge"
    scene = tiles(name)
    value = on_scene(Dice(), name)
    probability = keras.ops.sigmoid(scene.logits)
    by_keras = keras.losses.Dice()(scene.labels[..., None].astype(np.float32), probability)
    reference = monai.DiceLoss(sigmoid=True, batch=True)
    assert value == pytest.approx(by_monai(reference, name), abs=1e-5)
    assert value == pytest.approx(float(by_keras), abs=1e-5)


def test_dice_with_pixel_weights_by_hand_where_keras_is_wrong() -> None:
    # p = 0.5 and 0.25, g = 1 and 0, weights 1 and 3: I = 0.5, sum p = 1.25, sum g = 1.
    labels, weight = np.int32([[[1, 0]]]), np.float32([[[1, 3]]])
    probability = np.float32([[[[0.5], [0.25]]]])
    value = float(Dice(from_logits=False, smooth=0.0)(labels, probability, weight))
    assert value == pytest.approx(1 - 2 * 0.5 / (1.25 + 1))
    # Keras multiplies its scalar by the mean weight instead: (1 - 1 / 1.75) * 2.
    truth = labels[..., None].astype(np.float32)
    by_keras = float(keras.losses.Dice()(truth, probability, weight[..., None]))
    assert by_keras == pytest.approx((1 - 1 / 1.75) * 2, rel=1e-5)


def test_generalised_dice_is_that_of_monai() -> None:
    for pool in ("batch", "image"):
        reference = monai.GeneralizedDiceLoss(
            softmax=True, batch=pool == "batch", smooth_nr=0.0, smooth_dr=0.0
        )
        assert on_scene(GeneralizedDice(pool=pool)) == pytest.approx(by_monai(reference), abs=1e-5)


def test_generalised_dice_by_hand() -> None:
    # g: 3 pixels of class 0, 1 of class 1; p = 0.75 for the right class everywhere.
    labels = np.int32([[[0, 0, 0, 1]]])
    probability = np.where(np.eye(2)[labels] == 1, 0.75, 0.25)
    shared = 2 * (2.25 / 9 + 0.75)
    sizes = (3 + 2.5) / 9 + (1 + 1.5)
    value = float(GeneralizedDice(from_logits=False)(labels, probability))
    assert value == pytest.approx(1 - shared / sizes, rel=1e-5)


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (0.8, 0.2)])
def test_tversky_is_that_of_monai(alpha: float, beta: float) -> None:
    reference = monai.TverskyLoss(
        softmax=True, alpha=alpha, beta=beta, batch=True, smooth_nr=1e-5, smooth_dr=1e-5
    )
    value = on_scene(Tversky(alpha=alpha, beta=beta))
    assert value == pytest.approx(by_monai(reference), abs=1e-5)


def test_tversky_is_that_of_keras_whose_names_are_swapped() -> None:
    scene = tiles("LovaszHinge")
    labels = scene.labels[..., None].astype(np.float32)
    # Keras documents alpha as the price of false positives and applies it to false negatives.
    by_keras = keras.losses.Tversky(alpha=0.7, beta=0.3)(labels, keras.ops.sigmoid(scene.logits))
    assert on_scene(Tversky(), "LovaszHinge") == pytest.approx(float(by_keras), abs=1e-5)
    # TP 1, FN 1, FP 0: 1 - 1 / (1 + 0.7).
    loss = Tversky(alpha=0.3, beta=0.7, from_logits=False, smooth=0.0)
    value = float(loss(np.int32([[[1, 1]]]), np.float32([[[[1], [0]]]])))
    assert value == pytest.approx(1 - 1 / 1.7)


def test_tversky_contains_dice_and_jaccard() -> None:
    assert on_scene(Tversky(alpha=0.5, beta=0.5, smooth=0.0)) == pytest.approx(
        on_scene(Dice(smooth=0.0)), rel=1e-6
    )
    assert on_scene(Tversky(alpha=1.0, beta=1.0)) == pytest.approx(on_scene(Jaccard()), rel=1e-6)


def test_jaccard_is_that_of_monai_and_of_sklearn_on_hard_masks() -> None:
    reference = monai.DiceLoss(softmax=True, jaccard=True, batch=True)
    assert on_scene(Jaccard()) == pytest.approx(by_monai(reference), abs=1e-5)
    scene = tiles()
    said = scene.logits.argmax(axis=-1)
    exact = metrics.jaccard_score(scene.labels.ravel(), said.ravel(), average="macro")
    value = float(Jaccard()(scene.labels, certain(said)))
    assert value == pytest.approx(1 - exact, abs=1e-5)


@pytest.mark.parametrize("loss", [Dice(), Dice(power=2), Jaccard(), Tversky(), FocalTversky()])
def test_soft_labels_are_best_met_exactly(loss: object) -> None:
    # The product form would be best at p = 1; this is where it misleads.
    loss.from_logits = False
    labels = np.full((1, 4, 4, 1), 0.5, np.float32)
    values = [float(loss(labels, np.full((1, 4, 4, 1), p))) for p in np.linspace(0.05, 1.0, 20)]
    assert int(np.argmin(values)) == 9
    assert min(values) == pytest.approx(0.0, abs=1e-5)


def test_focal_tversky_raises_each_class_before_the_mean() -> None:
    scene = tiles()
    each = [
        float(Tversky(beta=0.7)(np.int32(scene.labels == k), pair_logits(scene.logits, k)))
        for k in range(3)
    ]
    expected = np.mean(np.array(each) ** 0.75)
    assert on_scene(FocalTversky()) == pytest.approx(expected, abs=1e-4)


def pair_logits(logits: np.ndarray, k: int) -> np.ndarray:
    """Logit of class k against all others together."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return np.log(p[..., k : k + 1] / (1 - p[..., k : k + 1]))


def test_focal_tversky_has_a_finite_gradient_at_the_optimum() -> None:
    labels = tiles().labels
    loss = FocalTversky()
    _, gradient = differentiate(lambda x: loss(labels, x))(np.float32(certain(labels)))
    assert np.isfinite(gradient).all()


def test_mcc_is_that_of_sklearn_on_hard_masks() -> None:
    scene = tiles()
    said = scene.logits.argmax(axis=-1)
    exact = [
        metrics.matthews_corrcoef(scene.labels.ravel() == k, said.ravel() == k) for k in range(3)
    ]
    value = float(MCC(smooth=1e-9)(scene.labels, certain(said)))
    assert value == pytest.approx(1 - np.mean(exact), abs=1e-5)


def test_mcc_by_hand_on_soft_scores() -> None:
    # p = 0.8 0.4 0.3 0.1, g = 1 1 0 0: TP 1.2, FN 0.8, FP 0.4, TN 1.6.
    labels = np.int32([[[1, 1, 0, 0]]])
    probability = np.float32([[[[0.8], [0.4], [0.3], [0.1]]]])
    exact = (1.2 * 1.6 - 0.4 * 0.8) / np.sqrt(1.6 * 2.0 * 2.0 * 2.4)
    value = float(MCC(from_logits=False, smooth=1e-9)(labels, probability))
    assert value == pytest.approx(1 - exact, abs=1e-5)


def test_mcc_does_not_overflow_on_a_large_tile() -> None:
    labels = np.zeros((1, 1024, 1024), np.int32)
    labels[:, :512] = 1
    logits = 40.0 * (labels[..., None] * 2.0 - 1.0)
    assert float(MCC()(labels, logits.astype(np.float16))) == pytest.approx(0.0, abs=1e-4)


def test_exponential_logarithmic_dice_by_hand() -> None:
    # Dice (2 * 0.5 + 1) / (0.75 + 1 + 1) with p = 0.5 and 0.25.
    probability = np.float32([[[[0.5], [0.25]]]])
    loss = ExpLogDice(from_logits=False)
    expected = (-np.log(2 / 2.75)) ** 0.3
    # Lower by delta ** 0.3 = 0.008, the price of a finite gradient at the optimum.
    assert float(loss(np.int32([[[1, 0]]]), probability)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", ["CrossEntropy", "LovaszHinge"])
def test_unified_focal_has_the_terms_of_its_paper(name: str) -> None:
    # In numpy, from the formulas of the paper; a binary problem has two channels there.
    scene = tiles(name)
    logits = scene.logits.astype(np.float64)
    if name == "LovaszHinge":
        logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    g = np.eye(p.shape[-1])[scene.labels]
    entropy = -g * np.log(p)
    focal = (0.4 * (1 - p[..., 0]) ** 0.5 * entropy[..., 0] + 0.6 * entropy[..., 1:].sum(-1)).mean()
    tp, fn, fp = ((a * b).sum((0, 1, 2)) for a, b in ((p, g), (1 - p, g), (p, 1 - g)))
    lost = 1 - tp / (tp + 0.6 * fn + 0.4 * fp)
    overlap = np.mean([lost[0], *np.sqrt(lost[1:])])
    assert on_scene(recipe("unified_focal"), name) == pytest.approx(
        0.5 * focal + 0.5 * overlap, abs=3e-4
    )


def test_asymmetric_focal_tversky_by_hand() -> None:
    labels, probability = np.int32([[[1, 0]]]), np.float32([[[[0.5], [0.25]]]])
    # Foreground TP 0.5, FN 0.5, FP 0.25; background TP 0.75, FN 0.25, FP 0.5.
    foreground = 1 - 0.5 / (0.5 + 0.6 * 0.5 + 0.4 * 0.25)
    background = 1 - 0.75 / (0.75 + 0.6 * 0.25 + 0.4 * 0.5)
    value = float(AsymmetricFocalTversky(from_logits=False)(labels, probability))
    assert value == pytest.approx((foreground**0.5 + background) / 2, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dice(power=3), "power is 3"),
        (lambda: Dice(smooth=-1.0), "smooth is -1"),
        (lambda: Dice(pool="tile"), "pool is 'tile'"),
        (lambda: Dice(absent="zero"), "absent is 'zero'"),
        (lambda: Tversky(alpha=-1.0), "expected numbers >= 0"),
        (lambda: FocalTversky(gamma=0.0), "gamma is 0"),
        (lambda: GeneralizedDice(pool="tile"), "pool is 'tile'"),
        (lambda: MCC(smooth=0.0), "smooth is 0"),
        (lambda: ExpLogDice(gamma=0.0), "gamma is 0"),
        (lambda: AsymmetricFocalTversky(gamma=1.0), "gamma is 1"),
        (lambda: AsymmetricFocalTversky(background=False), "background is False"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
