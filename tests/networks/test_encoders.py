"""Encoders from keras.applications: their maps, their weights, and what they expect of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from tilesegm.errors import ModelError
from tilesegm.model.receptive_field import receptive_field
from tilesegm.networks.build import build
from tilesegm.networks.encoder_file import spread_over_bands
from tilesegm.networks.encoders import expected_normalisation
from tilesegm.networks.settings import EncoderSettings, ModelSettings

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)

RESNET = EncoderSettings("resnet50", weights=None)


def settings(name: Any = "mobilenet_v3_small", **encoder: Any) -> ModelSettings:
    return ModelSettings(filters=4, encoder=EncoderSettings(name, **{"weights": None, **encoder}))


def application(name: str, **how: Any) -> keras.Model:
    return getattr(keras.applications, name)(include_top=False, weights=None, **how)


def roughened(model: keras.Model) -> keras.Model:
    """Give normalisations statistics that matter, as those of a trained network."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def normalised(which: ModelSettings) -> np.ndarray:
    expected = expected_normalisation(which)
    assert expected is not None
    offset, scale = (np.float32(values) for values in (expected.offset, expected.scale))
    return (PIXELS - offset) * scale


@pytest.fixture(scope="module")
def mobile_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a MobileNetV3 of random numbers, in the layout of keras.applications."""
    path = tmp_path_factory.mktemp("weights") / "mobile.weights.h5"
    keras.utils.set_random_seed(0)
    roughened(application("MobileNetV3Small", input_shape=(64, 64, 3))).save_weights(path)
    return path


def check_maps(model: keras.Model, bands: int) -> None:
    sides = [model.get_layer(f"encoder{index}").output for index in range(1, 6)]
    maps = keras.Model(model.inputs[0], sides).predict_on_batch(np.zeros((1, 64, 96, bands)))
    assert [found.shape[1:3] for found in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert model.predict_on_batch(np.zeros((1, 64, 96, bands))).shape == (1, 64, 96, 2)


def test_maps_of_mobilenet_small() -> None:
    model = build(settings(), 5, 2)
    check_maps(model, 5)
    field = receptive_field(model)
    assert (field.stride, field.misfit) == (32, None)
    assert field.radius is not None
    assert any(
        "squeeze_excite_avg_pool' (GlobalAveragePooling2D) pools" in reason
        for reason in field.inexact
    )
    norms = [layer for layer in model.layers if "BatchNorm" in type(layer).__name__]
    assert {norm.momentum for norm in norms} == {0.9}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v3_large", "efficientnet_v2_b0", "efficientnet_v2_s"])
def test_maps_of_others(name: str) -> None:
    model = build(settings(name), 4, 2)
    check_maps(model, 4)
    assert receptive_field(model).stride == 32


def test_a_tile_of_a_residual_encoder_without_its_halo_equals_the_whole() -> None:
    model = roughened(build(ModelSettings(filters=4, depth=2, encoder=RESNET), 3, 2))
    halo = receptive_field(model).halo
    assert halo is not None
    strip = np.random.default_rng(0).normal(size=(1, 32, 512, 3)).astype(np.float32)
    whole = model.predict_on_batch(strip)[:, :, 128:384]
    error = np.abs(model.predict_on_batch(strip[:, :, 128:384]) - whole).max(axis=(0, 1, 3))
    assert error[halo:-halo].max() <= 1e-5 * np.abs(whole).max()
    assert error.max() > 1e-3 * np.abs(whole).max()


def test_a_shallower_network_leaves_the_rest_of_the_encoder_out() -> None:
    model = build(ModelSettings(filters=4, depth=2, encoder=settings().encoder), 3, 2)
    names = {layer.name for layer in model.layers}
    assert "encoder2" in names
    assert "encoder3" not in names
    assert "expanded_conv_1_expand" not in names
    assert receptive_field(model).stride == 4


def test_resnet_is_exact_and_sees_photographs_as_it_was_trained(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    reference = roughened(application("ResNet50", input_shape=(64, 64, 3)))
    path = tmp_path / "resnet.weights.h5"
    reference.save_weights(path)
    which = settings("resnet50", weights=str(path))
    model = build(which, 3, 2)
    field = receptive_field(model)
    assert (field.stride, field.inexact) == (32, ())
    encoder = keras.Model(model.inputs[0], model.get_layer("encoder4").output)
    stage = keras.Model(reference.inputs[0], reference.get_layer("conv4_block6_out").output)
    # Blue first, less the mean: what the weights from ImageNet were trained with.
    prepared = keras.applications.resnet50.preprocess_input(PIXELS.astype(np.float32))
    expected = stage.predict_on_batch(prepared)
    found = encoder.predict_on_batch(normalised(which))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_mobilenet_sees_photographs_as_it_was_trained(mobile_weights: Path) -> None:
    reference = application("MobileNetV3Small", input_shape=(64, 64, 3))
    reference.load_weights(mobile_weights)
    with_own_preprocessing = application(
        "MobileNetV3Small", input_shape=(64, 64, 3), include_preprocessing=True
    )
    with_own_preprocessing.set_weights(reference.get_weights())
    which = settings(weights=str(mobile_weights))
    model = build(which, 3, 2)
    encoder = keras.Model(model.inputs[0], model.get_layer("encoder5").output)
    stage = keras.Model(
        with_own_preprocessing.inputs[0],
        with_own_preprocessing.get_layer("expanded_conv_10_add").output,
    )
    expected = stage.predict_on_batch(PIXELS.astype(np.float32))
    found = encoder.predict_on_batch(normalised(which))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_imagenet_weights_are_fetched_and_spread_over_bands(
    mobile_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(name: str, *_: Any, **__: Any) -> str:
        asked.append(name)
        return str(mobile_weights)

    monkeypatch.setattr(file_utils, "get_file", fetch)
    model = build(settings(weights="imagenet"), 5, 2)
    assert asked == ["weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"]
    reference = application("MobileNetV3Small", input_shape=(64, 64, 3))
    reference.load_weights(mobile_weights)
    kernel = reference.get_layer("conv").get_weights()[0]
    deviation = np.array([0.229, 0.224, 0.225]).reshape(3, 1) * 255 / 127.5
    np.testing.assert_allclose(
        model.get_layer("conv").get_weights()[0],
        spread_over_bands(kernel * deviation, 5),
        rtol=1e-6,
    )
    for name in ("conv_bn", "expanded_conv_10_project"):
        for one, other in zip(
            model.get_layer(name).get_weights(),
            reference.get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_weights_for_the_bands_of_the_image_are_taken_as_they_are(tmp_path: Path) -> None:
    own = application("MobileNetV3Small", input_shape=(64, 64, 4), include_preprocessing=False)
    path = tmp_path / "own.weights.h5"
    own.save_weights(path)
    model = build(settings(weights=str(path)), 4, 2)
    np.testing.assert_array_equal(
        model.get_layer("conv").get_weights()[0], own.get_layer("conv").get_weights()[0]
    )


def test_without_internet_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise Exception("URL fetch failure on https://somewhere/x.h5: None --\n timed out")

    monkeypatch.setattr(file_utils, "get_file", fail)
    with pytest.raises(
        ModelError, match=r"cannot be fetched \(URL fetch.* as encoder.weights"
    ) as e:
        build(settings(weights="imagenet"), 3, 2)
    assert "\n" not in str(e.value)


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.h5 and no such file exists"):
        build(settings(weights="absent.h5"), 3, 2)
    path = tmp_path / "other.weights.h5"
    inputs = keras.Input((4, 4, 3))
    keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)).save_weights(path)
    with pytest.raises(ModelError, match="does not hold weights of mobilenet_v3_small") as caught:
        build(settings(weights=str(path)), 3, 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("which", [ModelSettings(), settings()])
def test_random_weights_expect_nothing(which: ModelSettings) -> None:
    assert expected_normalisation(which) is None


def test_saving_and_loading(tmp_path: Path) -> None:
    model = build(settings(frozen=("encoder1",)), 2, 2)
    model.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    pixels = np.random.default_rng(0).normal(size=(1, 64, 64, 2)).astype(np.float32)
    np.testing.assert_array_equal(model(pixels), again(pixels))
    assert not again.get_layer("conv").trainable
    assert again.get_layer("expanded_conv_1_expand").trainable
