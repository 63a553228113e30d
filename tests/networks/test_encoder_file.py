"""A Keras file as encoder: its maps, its weights, and what is said of files that do not fit."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tilesegm.errors import ModelError
from tilesegm.model.receptive_field import receptive_field
from tilesegm.networks.build import build
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.networks.stages import stages


def save_encoder(path: Path, *, bands: int = 3, strides: tuple[int, ...] = (2, 2, 2)) -> Path:
    """Save convolutions whose outputs get coarser by ``strides``."""
    x = inputs = keras.Input((None, None, bands))
    maps = []
    for index, stride in enumerate(strides):
        x = keras.layers.Conv2D(4, 3, stride, padding="same", name=f"conv{index}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{index}")(x)
        maps.append(x)
    keras.Model(inputs, maps).save(path)
    return path


def settings(path: Path, depth: int = 3) -> ModelSettings:
    return ModelSettings(filters=4, depth=depth, encoder=EncoderSettings(str(path)))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "own.keras")


def test_maps_are_those_of_the_file(encoder: Path) -> None:
    model = build(settings(encoder), 3, 2)
    pixels = np.random.default_rng(0).normal(size=(1, 32, 48, 3)).astype(np.float32)
    maps = [model.get_layer(f"encoder{n}").output for n in (1, 2, 3)]
    found = keras.Model(model.inputs[0], maps).predict_on_batch(pixels)
    expected = keras.saving.load_model(encoder).predict_on_batch(pixels)
    for mine, own in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, own, atol=1e-6)
    assert model.predict_on_batch(pixels).shape == (1, 32, 48, 2)


def test_stages_stride_and_reach_are_known(encoder: Path) -> None:
    model = build(settings(encoder), 3, 2)
    field = receptive_field(model)
    assert (field.stride, field.inexact) == (8, ())
    assert field.radius is not None
    names = {layer.name for layer in stages(model)["encoder2"]}
    assert {"conv1", "norm1"} <= names
    assert model.get_layer("norm0").momentum == 0.9


def test_shallower_networks_use_the_first_maps(encoder: Path) -> None:
    model = build(settings(encoder, depth=2), 3, 2)
    assert receptive_field(model).stride == 4
    assert "conv2" not in {layer.name for layer in model.layers}


def test_first_kernel_is_spread_over_other_bands(encoder: Path) -> None:
    mine = build(settings(encoder), 5, 2).get_layer("conv0").get_weights()[0]
    own = keras.saving.load_model(encoder).get_layer("conv0").get_weights()[0]
    np.testing.assert_allclose(mine[:, :, :3], own * 3 / 5, rtol=1e-6)
    np.testing.assert_allclose(mine[:, :, 4], own.mean(2) * 3 / 5, rtol=1e-5)


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    sparse = save_encoder(tmp_path / "sparse.keras", strides=(2, 4, 2))
    other = save_encoder(tmp_path / "other.keras", bands=4)
    (tmp_path / "text.keras").write_text("no model")
    for path, bands, said in (
        (tmp_path / "absent.keras", 3, "does not exist"),
        (tmp_path / "text.keras", 3, "cannot be opened by Keras"),
        (sparse, 3, "must have strides 2, 4, 8"),
        (other, 5, "takes 4 bands and the image has 5"),
    ):
        with pytest.raises(ModelError, match=said) as caught:
            build(settings(path), bands, 2)
        assert "\n" not in str(caught.value)
