"""The receptive field by the layers, against hand-computed values and against measurement."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from tests.model.networks import conv_net, encoder_decoder, image, pointwise, randomise, wrap
from tilesegm.model.open import open_model
from tilesegm.model.probe import probe_halo, probe_radius
from tilesegm.model.receptive_field import receptive_field
from tilesegm.networks.build import unet


def _measure(model: keras.Model, length: int = 96) -> tuple[int, int]:
    predictor = open_model(randomise(model))
    return probe_radius(predictor, length=length), probe_halo(predictor, length=length)


@pytest.mark.parametrize(
    ("model", "stride", "radius"),
    [
        (pointwise(), 1, 0),
        (conv_net(3), 1, 1),
        (conv_net(3, 5, 7), 1, 1 + 2 + 3),
        # Of an even kernel, TensorFlow puts the odd pixel of padding after the end.
        (conv_net(4), 1, 2),
        (wrap(layers.Conv2D(2, 3, dilation_rate=4, padding="same")), 1, 4),
        (wrap(layers.DepthwiseConv2D(5, padding="same")), 1, 2),
        (wrap(layers.SeparableConv2D(2, 5, padding="same")), 1, 2),
        (wrap(layers.Conv2D(2, (1, 7), padding="same")), 1, 3),
    ],
)
def test_plain_layers(model: keras.Model, stride: int, radius: int) -> None:
    field = receptive_field(model)
    assert (field.stride, field.radius, field.inexact) == (stride, radius, ())
    assert field.halo == radius


@pytest.mark.parametrize(
    ("up", "radius"),
    [
        # Pixel 2 i + 1 reads pixels 2 i and 2 i + 1.
        (lambda: layers.UpSampling2D(2), 1),
        (lambda: layers.Conv2DTranspose(2, 2, strides=2), 1),
        # Position j reads j / 2 and a neighbour on one side.
        (lambda: layers.UpSampling2D(2, interpolation="bilinear"), 2),
        # A kernel of 3 and a stride of 2 touch one neighbour from every other position.
        (lambda: layers.Conv2DTranspose(2, 3, strides=2, padding="same"), 2),
    ],
)
def test_down_and_up(up: Any, radius: int) -> None:
    model = wrap(lambda x: layers.Conv2D(2, 1)(up()(layers.MaxPooling2D()(x))))
    field = receptive_field(model)
    assert (field.stride, field.radius) == (2, radius)
    assert _measure(model, 32) == (field.radius, field.halo)


def test_unet_of_depth_4() -> None:
    field = receptive_field(unet(3, 5, depth=4, upsampling="transpose"))
    # Convolutions: 2 * (1 + 2 + 4 + 8) down, 2 * 16 at the bottom, the same up as down; pooling
    # adds 1 + 2 + 4 + 8.
    assert (field.stride, field.radius) == (16, 30 + 32 + 30 + 15)
    # An edge on the stride's grid is met by the positions that see least far.
    assert field.halo == 94
    assert field.inexact == ()
    assert field.misfit is None


def test_interpolation_sees_farther() -> None:
    field = receptive_field(unet(3, 5, depth=4))
    # Each interpolation adds one pixel of its coarse map, 16 + 8 + 4 + 2, of which pooling, that
    # sees unevenly far within a stride, had 1 + 2 + 4 + 8.
    assert (field.stride, field.radius, field.halo) == (16, 107 + 30 - 15, 94 + 15)


def test_a_tile_without_its_halo_equals_the_whole_image() -> None:
    model = unet(1, 2, filters=2, depth=4)
    halo = receptive_field(model).halo
    assert halo is not None
    predictor = open_model(randomise(model))
    strip = np.random.default_rng(0).uniform(0, 9, (1, 32, 512, 1)).astype(np.float32)
    whole = predictor(strip)[..., 128:384]
    error = np.abs(predictor(strip[:, :, 128:384]) - whole).max(axis=(0, 1, 2))
    assert error[halo:-halo].max() <= 1e-6 * np.abs(whole).max()
    assert error.max() > 1e-3 * np.abs(whole).max()


@pytest.mark.parametrize(
    "up",
    [
        lambda filters: layers.Conv2DTranspose(filters, 2, strides=2),
        lambda filters: layers.UpSampling2D(2),
        lambda filters: layers.UpSampling2D(2, interpolation="bilinear"),
        lambda filters: layers.Conv2DTranspose(filters, 3, strides=2, padding="same"),
    ],
    ids=["transpose2", "nearest", "bilinear", "transpose3"],
)
def test_encoder_decoder_equals_measurement(up: Any) -> None:
    model = encoder_decoder(2, up)
    field = receptive_field(model)
    assert _measure(model, 128) == (field.radius, field.halo)


_LAYERS = st.one_of(
    st.tuples(st.just("conv"), st.tuples(st.integers(1, 4), st.integers(1, 4)), st.integers(1, 2)),
    st.tuples(st.just("pool"), st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.just("down"), st.integers(1, 4), st.integers(2, 3)),
    st.tuples(st.just("spread"), st.integers(2, 4), st.integers(1, 2)),
    st.tuples(st.just("repeat"), st.just("nearest"), st.integers(2, 3)),
    st.tuples(st.just("repeat"), st.just("bilinear"), st.just(2)),
)


def _layer(kind: str, what: Any, step: int) -> tuple[Any, Fraction]:
    """Return a layer and how it scales its input."""
    if kind == "conv":
        return layers.Conv2D(2, what, dilation_rate=step, padding="same"), Fraction(1)
    if kind == "pool":
        return layers.AveragePooling2D(what, step, padding="same"), Fraction(1, step)
    if kind == "down":
        return layers.Conv2D(2, what, strides=step, padding="same"), Fraction(1, step)
    if kind == "spread":
        return layers.Conv2DTranspose(2, what, step, padding="same"), Fraction(step)
    return layers.UpSampling2D(step, interpolation=what), Fraction(step)


@settings(max_examples=20, deadline=None)
@given(chain=st.lists(_LAYERS, min_size=1, max_size=4))
def test_never_below_measurement(chain: list[tuple[str, Any, int]]) -> None:
    inputs = x = image(1)
    scale = Fraction(1)
    for entry in chain:
        layer, factor = _layer(*entry)
        x = layer(x)
        scale *= factor
    # Back to the size of the input, so that there is a score for every pixel.
    x = layers.UpSampling2D(scale.denominator)(x)
    x = layers.MaxPooling2D(scale.numerator)(x)
    model = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    field = receptive_field(model)
    assert field.misfit is None
    assert field.radius is not None
    assert field.halo is not None
    if field.radius < 40 and field.stride <= 12:
        radius, halo = _measure(model, 160)
        assert radius <= field.radius
        assert halo <= field.halo
        assert field.radius - radius <= 1


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.GroupNormalization(1, name="gn"), "takes statistics over the whole tile"),
        (lambda: layers.LayerNormalization(axis=(1, 2, 3), name="gn"), "takes statistics"),
        (lambda: layers.Lambda(lambda x: x, name="gn"), "is not known"),
    ],
)
def test_reasons(layer: Any, reason: str) -> None:
    inputs = keras.Input((16, 16, 2))
    made = layer()
    field = receptive_field(keras.Model(inputs, made(inputs)))
    (found,) = field.inexact
    assert found.startswith(f"layer 'gn' ({type(made).__name__}) ")
    assert reason in found


def test_squeeze_excite_is_named_and_the_rest_is_followed() -> None:
    def build(x: Any) -> Any:
        x = layers.Conv2D(4, 5, padding="same")(x)
        weights = layers.GlobalAveragePooling2D(name="squeeze")(x)
        weights = layers.Reshape((1, 1, 4))(layers.Dense(4, activation="sigmoid")(weights))
        return layers.Multiply()([x, weights])

    field = receptive_field(wrap(build))
    assert field.inexact == ("layer 'squeeze' (GlobalAveragePooling2D) pools over the whole tile",)
    assert field.radius == 2


def test_spatial_attention_by_channel_statistics_is_exact() -> None:
    def build(x: Any) -> Any:
        mean = keras.ops.mean(x, axis=-1, keepdims=True)
        return x * layers.Conv2D(1, 7, padding="same", activation="sigmoid")(mean)

    field = receptive_field(wrap(build))
    assert (field.radius, field.inexact) == (3, ())


def test_statistics_by_operations_are_found() -> None:
    field = receptive_field(wrap(lambda x: x - keras.ops.mean(x, axis=(1, 2), keepdims=True)))
    assert "joins pixels of the whole tile" in field.inexact[0]


def test_attention_is_found() -> None:
    def build(x: Any) -> Any:
        flat = layers.Reshape((64, 2))(x)
        return layers.Reshape((8, 8, 2))(layers.MultiHeadAttention(1, 2, name="mha")(flat, flat))

    inputs = keras.Input((8, 8, 2))
    field = receptive_field(keras.Model(inputs, build(inputs)))
    assert any("attends over the whole tile" in reason for reason in field.inexact)
    assert field.radius is None


def test_batch_normalisation_is_exact_unless_it_trains() -> None:
    assert receptive_field(wrap(layers.BatchNormalization())).inexact == ()
    field = receptive_field(wrap(lambda x: layers.BatchNormalization()(x, training=True)))
    assert "over the batch" in field.inexact[0]


def test_a_custom_layer_is_not_known_whatever_its_name() -> None:
    class Conv2D(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

    field = receptive_field(wrap(Conv2D(name="mine")))
    assert field.inexact == ("layer 'mine' (Conv2D) is not known",)
    assert field.radius is None


def test_a_subclassed_model_is_not_known() -> None:
    class Mine(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    field = receptive_field(wrap(Mine(name="mine")))
    assert (field.radius, field.inexact) == (None, ("layer 'mine' (Mine) is not known",))


def test_nested_and_sequential_models_are_opened() -> None:
    inner = conv_net(3, 3)
    sequential = keras.Sequential(
        [image(), layers.Conv2D(3, 5, padding="same"), layers.MaxPooling2D(), inner]
    )
    outer = wrap(lambda x: layers.UpSampling2D(2)(sequential(x)))
    field = receptive_field(outer)
    # 2 for the kernel of 5, 1 for pooling, 2 * 2 for two kernels of 3 at half the size.
    assert (field.stride, field.radius) == (2, 2 + 1 + 4)


def test_a_shared_layer_counts_each_time() -> None:
    conv = layers.Conv2D(3, 3, padding="same")
    assert receptive_field(wrap(lambda x: conv(conv(x)))).radius == 2


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.Conv2D(2, 3)(x),
        lambda x: layers.MaxPooling2D()(x),
        lambda x: layers.UpSampling2D()(x),
        lambda x: layers.Add()([layers.Conv2D(3, 3)(x), x[:, 1:-1, 1:-1]]),
    ],
)
def test_misfits(build: Any) -> None:
    inputs = keras.Input((16, 16, 3))
    field = receptive_field(keras.Model(inputs, build(inputs)))
    assert field.misfit or field.inexact


def test_padding_and_cropping_are_followed() -> None:
    def build(x: Any) -> Any:
        return layers.Cropping2D(1)(layers.ZeroPadding2D(3)(layers.Conv2D(2, 5)(x)))

    field = receptive_field(wrap(build))
    assert (field.misfit, field.radius) == (None, 2)
