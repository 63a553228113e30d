"""The training loop learns, repeats itself and ends when it was told to."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tilesegm.errors import SettingsError
from tilesegm.models.unet import unet
from tilesegm.training.fit import Progress, fit
from tilesegm.training.precision import bfloat16_twin
from tilesegm.training.sample import Sample
from tilesegm.training.schedule import learning_rate_factor
from tilesegm.training.settings import Augmentation, TrainingSettings


def stripes(size: int = 96, seed: int = 0) -> Sample:
    """Class 1 is bright and striped, class 0 dark; a tenth of the labels is unknown."""
    random = np.random.default_rng(seed)
    labels = (np.add.outer(np.arange(size), np.arange(size)) // 24 % 2).astype(np.uint8)
    texture = np.where(np.arange(size) % 4 < 2, 60, 20)
    image = (40 + labels * texture + random.normal(0, 6, (size, size)))[..., None]
    labels[random.random((size, size)) < 0.1] = 255
    return Sample(np.clip(image, 0, 255).astype(np.uint8), labels)


def brief(**changes: object) -> TrainingSettings:
    plain = {"steps": 40, "batch": 4, "size": 32, "learning_rate": 5e-3, "precision": "float32"}
    return TrainingSettings(**{**plain, **changes})  # type: ignore[arg-type]


def test_learns_stripes() -> None:
    keras.utils.set_random_seed(0)
    model = unet(1, 2, filters=4, depth=2)
    trained = fit([stripes()], 2, settings=brief(steps=60), model=model)
    first, last = np.mean(trained.losses[:4]), np.mean(trained.losses[-4:])
    assert len(trained.losses) == 60
    assert last < 0.5 * first
    unseen = stripes(seed=9)
    pixels = (unseen.image - np.float32(trained.normalisation.offset)) * np.float32(
        trained.normalisation.scale
    )
    found = trained.model.predict_on_batch(pixels[None])[0].argmax(-1)
    known = unseen.labels != 255
    assert (found == unseen.labels)[known].mean() > 0.95


def test_nothing_to_learn_from() -> None:
    sample = stripes()
    blind = Sample(sample.image, np.full_like(sample.labels, 255))
    with pytest.raises(SettingsError, match="no labelled pixel"):
        fit([blind], 2, settings=brief(steps=1), model=unet(1, 2, filters=2, depth=1))


def test_same_seed_same_network() -> None:
    def run(seed: int) -> list[float]:
        keras.utils.set_random_seed(seed)
        model = unet(1, 2, filters=2, depth=1)
        return list(fit([stripes()], 2, settings=brief(steps=3, seed=seed), model=model).losses)

    np.testing.assert_allclose(run(1), run(1), rtol=1e-4)


def test_reports_and_ends_in_time() -> None:
    seen: list[Progress] = []
    trained = fit(
        [stripes()],
        2,
        settings=brief(steps=100_000, size=16, minutes=0.05),
        model=unet(1, 2, filters=2, depth=1),
        on_step=seen.append,
    )
    assert [p.step for p in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].fraction == 1.0
    assert len(trained.losses) == len(seen) < 100_000


def test_the_twin_computes_the_same_within_bfloat16() -> None:
    model = unet(2, 3, filters=4, depth=2)
    random = np.random.default_rng(3)
    model.set_weights([np.abs(random.normal(1, 0.1, w.shape)) * 0.2 for w in model.get_weights()])
    pixels = random.normal(size=(2, 16, 16, 2)).astype(np.float32)
    twin = bfloat16_twin(model)
    expected = np.asarray(model(pixels, training=False))
    found = np.asarray(twin(pixels, training=False))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())
    assert {v.dtype for v in twin.variables if "seed" not in v.path} == {"float32"}


def test_the_twin_gathers_the_statistics_that_keras_would() -> None:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(momentum=0.5)(inputs)
    model = keras.Model(inputs, keras.layers.ReLU()(x))
    twin = bfloat16_twin(model)
    pixels = np.random.default_rng(4).normal(3, 2, (16, 8, 8, 3)).astype(np.float32)
    expected, found = model(pixels, training=True), twin(pixels, training=True)
    np.testing.assert_allclose(np.asarray(found, np.float32), np.asarray(expected), atol=0.05)
    for ours, theirs in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.01)


def test_bfloat16_training_gives_a_float32_network() -> None:
    trained = fit(
        [stripes()],
        2,
        settings=brief(steps=2, size=16, precision="bfloat16"),
        model=unet(1, 2, filters=2, depth=1),
    )
    assert all(layer.compute_dtype == "float32" for layer in trained.model.layers)


def test_schedule() -> None:
    assert learning_rate_factor(0.025) == pytest.approx(0.5)
    assert learning_rate_factor(0.05) == pytest.approx(1.0)
    assert learning_rate_factor(0.525) == pytest.approx(0.5)
    assert learning_rate_factor(1.0) == pytest.approx(0.0)
    assert 0 < learning_rate_factor(0.0) < 0.05


def test_a_network_that_does_not_fit() -> None:
    with pytest.raises(SettingsError, match="takes 3 bands and gives 4 classes"):
        fit([stripes()], 2, settings=brief(), model=unet(3, 4, filters=2, depth=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"balance": 1.5}, "balance is 1.5"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"minutes": -1.0}, "minutes is -1.0"),
        ({"precision": "half"}, "precision is 'half'"),
    ],
)
def test_settings_out_of_range(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        brief(**change)


def test_an_augmentation_out_of_range() -> None:
    with pytest.raises(SettingsError, match="zoom is -1"):
        Augmentation(zoom=-1)
