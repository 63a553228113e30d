"""Predictors of Keras models and of functions, and what they refuse."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.model.networks import conv_net, encoder_decoder, image, pointwise, wrap
from tilesegm.classes import default_classes
from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.activation import gives_probabilities
from tilesegm.model.keras_model import uses_xla
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.open import open_model

_NOISE = np.random.default_rng(0).integers(0, 100, (2, 8, 12, 3))


def _reference(model: keras.Model, values: Any) -> Any:
    return np.moveaxis(np.asarray(model(values.astype(np.float32))), 3, 1)


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16",
     "float32", "float64", ">u2", ">f4"],
)  # fmt: skip
def test_every_dtype_gives_the_same_scores(dtype: str) -> None:
    model = pointwise()
    scores = open_model(model)(_NOISE.astype(dtype))
    assert scores.dtype == np.float32
    assert scores.shape == (2, 4, 8, 12)
    assert scores.flags.c_contiguous
    np.testing.assert_allclose(scores, _reference(model, _NOISE), rtol=1e-5, atol=1e-4)


def test_an_identity_network_gives_the_pixels() -> None:
    scores = open_model(wrap(lambda x: x))(_NOISE.astype(np.uint16))
    np.testing.assert_array_equal(scores, np.moveaxis(_NOISE, 3, 1))


def test_views_are_accepted() -> None:
    predictor = open_model(conv_net(3))
    tiles = _NOISE.astype(np.uint8)
    np.testing.assert_array_equal(
        predictor(tiles[:, ::-1]), predictor(np.ascontiguousarray(tiles[:, ::-1]))
    )


def test_normalisation_is_applied_by_band() -> None:
    normalisation = Normalisation((10.0, 20.0, 30.0), (0.5, 0.25, 2.0))
    predictor = open_model(wrap(lambda x: x), normalisation=normalisation)
    expected = (_NOISE - [10, 20, 30]) * [0.5, 0.25, 2.0]
    np.testing.assert_allclose(predictor(_NOISE.astype(np.uint8)), np.moveaxis(expected, 3, 1))
    assert predictor.spec.fill == (10.0, 20.0, 30.0)


def test_normalisation_of_statistics() -> None:
    made = Normalisation.of_statistics([10, 20], [2, 4])
    assert made == Normalisation((10.0, 20.0), (0.5, 0.25))
    assert made.bands == 2
    assert Normalisation().bands is None
    assert Normalisation().is_identity


@pytest.mark.parametrize(
    ("offset", "scale"), [((), (1.0,)), ((0.0,), (0.0,)), ((0.0, 1.0), (1.0, 1.0, 1.0))]
)
def test_bad_normalisations(offset: Any, scale: Any) -> None:
    with pytest.raises(SettingsError):
        Normalisation(offset, scale)


def test_normalisation_for_other_bands_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"is for 2 bands and .* takes 3"):
        open_model(pointwise(), normalisation=Normalisation((1.0, 2.0)))


def test_one_channel_of_probability_becomes_two_planes() -> None:
    model = pointwise(classes=1, activation="sigmoid")
    predictor = open_model(model)
    scores = predictor((_NOISE / 100).astype(np.float32))
    assert predictor.spec.probabilities
    assert len(predictor.spec.classes) == 2
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(scores[:, 1:], _reference(model, _NOISE / 100), rtol=1e-5)


def test_one_channel_of_logits_becomes_two_planes() -> None:
    model = pointwise(classes=1)
    predictor = open_model(model)
    scores = predictor((_NOISE / 100).astype(np.float32))
    assert not predictor.spec.probabilities
    assert not scores[:, 0].any()
    np.testing.assert_allclose(scores[:, 1:], _reference(model, _NOISE / 100), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: layers.Conv2D(2, 1, activation="softmax")(x), True),
        (lambda x: layers.Conv2D(2, 1, activation="sigmoid")(x), True),
        (lambda x: layers.Softmax()(layers.Conv2D(2, 1)(x)), True),
        (lambda x: layers.Activation("softmax", dtype="float32")(layers.Conv2D(2, 1)(x)), True),
        (lambda x: layers.Activation("linear")(layers.Conv2D(2, 1, activation="softmax")(x)), True),
        (lambda x: keras.ops.softmax(layers.Conv2D(2, 1)(x)), True),
        (lambda x: keras.ops.cast(keras.ops.sigmoid(x), "float32"), True),
        (lambda x: layers.Conv2D(2, 1)(x), False),
        (lambda x: layers.Conv2D(2, 1)(layers.Softmax()(x)), False),
        (lambda x: keras.ops.log(layers.Softmax()(x)), False),
    ],
)
def test_probabilities_are_told_from_logits(build: Any, expected: bool) -> None:
    assert gives_probabilities(wrap(build)) is expected


def test_nested_last_activation_is_found() -> None:
    inner = pointwise(activation="softmax")
    assert gives_probabilities(wrap(lambda x: inner(x)))


def test_spec_of_a_keras_model() -> None:
    spec = open_model(encoder_decoder(2, lambda f: layers.Conv2DTranspose(f, 2, 2))).spec
    assert (spec.bands, spec.stride, spec.radius, spec.tile) == (1, 4, 23, None)
    assert [entry.name for entry in spec.classes] == ["class 0", "class 1"]
    assert {name for name, _ in spec.identity} == {"model", "normalisation", "precision"}


def test_identity_follows_weights_and_settings() -> None:
    model = pointwise()
    first = open_model(model).spec.identity
    assert open_model(model).spec.identity == first
    assert open_model(model, normalisation=Normalisation((1.0,))).spec.identity != first
    assert open_model(model, precision="bfloat16").spec.identity != first
    assert open_model(model, augment=["flips"]).spec.identity != first
    model.set_weights([value + 1 for value in model.get_weights()])
    assert open_model(model).spec.identity != first


def test_identity_does_not_follow_names() -> None:
    first, second = conv_net(3), conv_net(3)
    second.set_weights(first.get_weights())
    assert first.layers[1].name != second.layers[1].name
    assert open_model(first).spec.identity == open_model(second).spec.identity


def test_identity_follows_settings_and_wiring() -> None:
    def joined(change: Any, rate: int = 1) -> dict[str, str]:
        inputs = image()
        one = layers.Activation("tanh")(inputs)
        two = layers.Activation("relu")(inputs)
        out = layers.MaxPooling2D(rate, 1, padding="same")(layers.Subtract()(change([one, two])))
        return dict(open_model(keras.Model(inputs, out)).spec.identity)

    plain = joined(lambda pair: pair)
    assert joined(lambda pair: pair) == plain
    assert joined(lambda pair: pair[::-1]) != plain
    assert joined(lambda pair: pair, rate=3) != plain


def test_fixed_size_is_kept_to() -> None:
    inputs = keras.Input((16, 16, 3))
    predictor = open_model(keras.Model(inputs, layers.Conv2D(2, 3, padding="same")(inputs)))
    assert predictor.spec.tile == (16, 16)
    with pytest.raises(ModelError, match="takes tiles of 16 x 16 pixels only, not 8 x 12"):
        predictor(_NOISE.astype(np.uint8))


def test_any_number_of_bands() -> None:
    inputs = keras.Input((None, None, None))
    scores = keras.ops.concatenate(
        [keras.ops.max(inputs, -1, keepdims=True), keras.ops.min(inputs, -1, keepdims=True)], -1
    )
    predictor = open_model(keras.Model(inputs, scores))
    assert predictor.spec.bands is None
    planes = predictor(_NOISE.astype(np.uint8))
    np.testing.assert_array_equal(planes[:, 0], _NOISE.max(axis=3))


@pytest.mark.parametrize(
    ("tiles", "message"),
    [
        (np.zeros((1, 8, 8, 4), np.uint8), "expects 3 bands and the tiles have 4"),
        (np.zeros((8, 8, 3), np.uint8), "tiles have the shape"),
        (np.zeros((1, 8, 8, 3), np.complex64), "takes real numbers"),
        (np.zeros((1, 8, 9, 3), np.uint8), "multiple of its stride of 2 pixels; received 8 x 9"),
    ],
)
def test_bad_tiles(tiles: Any, message: str) -> None:
    model = wrap(lambda x: layers.UpSampling2D()(layers.MaxPooling2D()(x)))
    with pytest.raises(ModelError, match=message):
        open_model(model)(tiles)


def _two_inputs() -> keras.Model:
    first, second = image(), image()
    return keras.Model([first, second], layers.Add()([first, second]))


def _two_outputs() -> keras.Model:
    inputs = image()
    return keras.Model(inputs, [inputs, layers.Conv2D(2, 1)(inputs)])


def _classifier() -> keras.Model:
    return wrap(lambda x: layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_two_inputs, "has 2 inputs"),
        (_two_outputs, "has 2 outputs"),
        (_classifier, "is not a segmentation"),
        (lambda: wrap(layers.Conv2D(2, 3)), "is not a dense segmentation.*padding='same'"),
        (lambda: wrap(layers.MaxPooling2D()), "is not a dense segmentation"),
    ],
)
def test_models_that_are_no_segmentation(build: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_model(build())


def test_a_model_written_as_a_class() -> None:
    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv = layers.Conv2D(2, 1)

        def call(self, inputs: Any) -> Any:
            return self.conv(inputs)

    model = Mine()
    with pytest.raises(ModelError, match="pass bands="):
        open_model(model)
    predictor = open_model(model, bands=3)
    assert predictor.spec.radius is None
    np.testing.assert_allclose(
        predictor(_NOISE.astype(np.uint8)), _reference(model, _NOISE), rtol=1e-5, atol=1e-4
    )


def test_a_network_that_fails_while_it_runs() -> None:
    class Fails(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return keras.ops.reshape(inputs, (1, 7, 7, 3))

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    with pytest.raises(ModelError, match=r"fails on tiles of shape \(2, 8, 12, 3\)"):
        open_model(wrap(Fails()))(_NOISE.astype(np.uint8))


def test_xla_is_for_networks_of_single_pixels_on_a_cpu() -> None:
    assert uses_xla(*_with_spec(pointwise()))
    assert not uses_xla(*_with_spec(conv_net(3)))


def _with_spec(model: keras.Model) -> tuple[Any, Any]:
    return model, open_model(model).spec


def test_a_function_is_a_predictor() -> None:
    predictor = open_model(lambda x: x[..., :2] * 2, bands=3)
    assert len(predictor.spec.classes) == 2
    scores = predictor(_NOISE.astype(np.uint8))
    np.testing.assert_array_equal(scores, np.moveaxis(_NOISE[..., :2] * 2, 3, 1))
    assert scores.flags.c_contiguous


def test_a_function_of_tensors() -> None:
    predictor = open_model(lambda x: keras.ops.softmax(keras.ops.convert_to_tensor(x)), bands=3)
    assert predictor(_NOISE.astype(np.uint8)).shape == (2, 3, 8, 12)


def test_a_function_gets_normalised_values_of_its_own() -> None:
    def spoil(values: Any) -> Any:
        scores = values.copy()
        values[:] = np.nan
        return scores

    tiles = _NOISE.astype(np.float32)
    predictor = open_model(spoil, bands=3, normalisation=Normalisation((1.0,), (2.0,)))
    np.testing.assert_array_equal(predictor(tiles), np.moveaxis((_NOISE - 1) * 2, 3, 1))
    np.testing.assert_array_equal(tiles, _NOISE)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.mean(axis=(1, 2)), r"scores of shape \(1, 3\) for tiles of shape"),
        (lambda x: x[:, ::2], r"scores of shape \(1, 32, 64, 3\)"),
        (lambda x: x[..., :1], r"one score per pixel.*\(1 - p, p\)"),
        (lambda x: x.no_such_thing, "fails on float32 values .* AttributeError"),
    ],
)
def test_functions_that_are_no_segmentation(function: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_model(function, bands=3)


def test_what_is_no_model() -> None:
    with pytest.raises(ModelError, match="42 is no model"):
        open_model(42)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="bands="):
        open_model(lambda x: x)


def test_a_predictor_is_returned_as_it_is() -> None:
    predictor = open_model(pointwise())
    assert open_model(predictor) is predictor
    with pytest.raises(SettingsError, match="used as it is"):
        open_model(predictor, augment=["flips"])


def test_default_classes_differ() -> None:
    colours = {entry.colour for entry in default_classes(24)}
    assert len(colours) == 24
    assert all(0 <= part <= 255 for colour in colours for part in colour)


def test_blending_in_place_never_reaches_an_array_that_a_function_keeps() -> None:
    kept = np.zeros((1, 2, 64, 64), np.float32)
    predictor = open_model(lambda tiles: np.moveaxis(kept, 1, -1), bands=1)
    assert not predictor(np.zeros((1, 64, 64, 1), np.uint8)).flags.writeable
