"""Every network: how far it sees, what its outputs are, and what it keeps when saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.model.networks import randomise
from tilesegm.errors import SettingsError
from tilesegm.model.open import open_model
from tilesegm.model.probe import probe_halo, probe_radius
from tilesegm.model.receptive_field import receptive_field
from tilesegm.networks.build import build, inference_model
from tilesegm.networks.settings import ModelSettings

SMALL: dict[str, dict[str, Any]] = {
    "residual": {"residual": True},
    "attention": {"attention": True, "depth": 1},
    "aspp": {"aspp": (2, 3), "depth": 1},
    "nearest": {"upsampling": "nearest"},
    "bilinear": {"upsampling": "bilinear"},
    "unet++": {"name": "unet++"},
    "unet++ bilinear": {"name": "unet++", "upsampling": "bilinear"},
    "unet3+": {"name": "unet3+"},
    "unet3+ transpose": {"name": "unet3+", "upsampling": "transpose"},
}


def small(**settings: Any) -> keras.Model:
    """Return a network of few filters and depth 2."""
    return build(ModelSettings(**{"filters": 2, "depth": 2, **settings}), 1, 2)


def noise(*shape: int) -> np.ndarray:
    """Return standard normal float32 numbers."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)
def test_the_receptive_field_is_what_a_probe_finds(settings: dict[str, Any]) -> None:
    # Without statistics: negated means would rectify all signal away.
    model = small(**{**settings, "norm": "none"})
    field = receptive_field(model)
    assert (field.inexact, field.misfit) == ((), None)
    assert field.stride == 2 ** settings.get("depth", 2)
    randomise(model)
    if settings.get("residual"):
        # Or the far ends of a kernel drown in float32 next to the shortcut.
        model.set_weights([4 * weight for weight in model.get_weights()])
    predictor = open_model(model)
    assert field.radius is not None
    assert field.halo is not None
    # Behind a sigmoid or next to many shorter paths the farthest pixel drowns in float32.
    slack = int("attention" in settings or settings.get("name") == "unet3+")
    assert 0 <= field.radius - probe_radius(predictor, length=128) <= slack
    assert 0 <= field.halo - probe_halo(predictor, length=128) <= slack


@pytest.mark.parametrize(
    ("settings", "radius"),
    [
        # Convolutions 2 + 4 + 4 and pooling 1, by the transposed convolution nothing.
        ({"depth": 1, "upsampling": "transpose"}, 2 + 4 + 2 + 1),
        # The largest dilation adds 5 coarse pixels.
        ({"depth": 1, "upsampling": "transpose", "aspp": (2, 5)}, 2 + 4 + 2 + 1 + 10),
        # Interpolation adds one coarse pixel, less the fine one within which pooling is uneven.
        ({"depth": 1}, 2 + 4 + 2 + 1 + 1),
        # One convolution for each scale and one to mix them.
        ({"depth": 1, "name": "unet3+", "upsampling": "nearest"}, 2 + 4 + 2 + 1),
    ],
)
def test_radius_by_hand(settings: dict[str, Any], radius: int) -> None:
    assert receptive_field(small(**settings)).radius == radius


def test_group_normalisation_is_named_as_inexact() -> None:
    field = receptive_field(small(norm="group"))
    assert field.inexact[0].startswith("layer 'down0_norm_a' (GroupNormalization) takes statistics")
    assert field.radius == receptive_field(small()).radius


def test_any_number_of_filters_has_groups() -> None:
    model = build(ModelSettings(filters=3, depth=1, norm="group"), 1, 2)
    assert model.get_layer("down0_norm_a").groups == 1
    assert model.get_layer("bottom_norm_a").groups == 2
    assert model.predict_on_batch(noise(1, 8, 8, 1)).shape == (1, 8, 8, 2)


@pytest.mark.parametrize(
    ("settings", "sides"),
    [
        ({}, [16, 8]),
        ({"name": "unet++"}, [16, 16]),
        ({"name": "unet3+"}, [16, 8, 4]),
    ],
)
def test_deep_supervision_and_what_is_left_of_it(
    settings: dict[str, Any], sides: list[int]
) -> None:
    model = small(**settings, deep_supervision=True)
    outputs = model.predict_on_batch(noise(1, 16, 16, 1))
    assert [output.shape for output in outputs] == [(1, side, side, 2) for side in sides]
    assert {str(output.dtype) for output in outputs} == {"float32"}
    alone = inference_model(model)
    np.testing.assert_array_equal(alone.predict_on_batch(noise(1, 16, 16, 1)), outputs[0])
    assert alone.get_layer("logits") is model.get_layer("logits")
    assert [tensor.shape for tensor in alone.outputs] == [(None, None, None, 2)]
    plain = small(**settings)
    assert [layer.name for layer in alone.layers] == [layer.name for layer in plain.layers]
    assert inference_model(plain) is plain


def test_outputs_of_nested_networks_see_farther_the_earlier() -> None:
    model = small(name="unet++", depth=3, deep_supervision=True)
    radii = [
        receptive_field(keras.Model(model.inputs[0], output)).radius or 0
        for output in model.outputs
    ]
    plain = [receptive_field(small(depth=depth)).radius for depth in (3, 2, 1)]
    assert radii == plain


def test_a_closed_gate_lets_nothing_through() -> None:
    model = small(attention=True, depth=1)
    kernel, bias = model.get_layer("gate0_psi").get_weights()
    gated = keras.Model(model.inputs[0], model.get_layer("gate0_multiply").output)
    skip = keras.Model(model.inputs[0], model.get_layer("down0_relu_b").output)
    values = noise(1, 8, 8, 1)

    def opened(logit: float) -> np.ndarray:
        model.get_layer("gate0_psi").set_weights([0 * kernel, bias + logit])
        return np.asarray(gated(values))

    wide, shut, half = opened(50.0), opened(-50.0), opened(0.0)
    np.testing.assert_allclose(wide, skip(values), rtol=1e-6)
    np.testing.assert_allclose(shut, 0, atol=1e-12)
    np.testing.assert_allclose(half, np.asarray(skip(values)) / 2, rtol=1e-6)


def test_a_residual_level_of_zero_kernels_is_its_shortcut() -> None:
    model = build(ModelSettings(filters=2, depth=1, residual=True, norm="none"), 2, 2)
    for name in ("down0_conv_a", "down0_conv_b"):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros(weight.shape) for weight in layer.get_weights()])
    level = keras.Model(model.inputs[0], model.get_layer("down0_relu_b").output)
    values = noise(1, 8, 8, 2)
    # Two bands become two, so the input itself is added.
    np.testing.assert_array_equal(level(values), np.maximum(values, 0))


@pytest.mark.parametrize("settings", [*SMALL.values(), {"norm": "group"}], ids=[*SMALL, "group"])
def test_saving_and_loading(settings: dict[str, Any], tmp_path: Path) -> None:
    model = small(**settings, deep_supervision=True, dropout=0.25)
    model.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    for one, other in zip(model(noise(1, 16, 16, 1)), again(noise(1, 16, 16, 1)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_half_precision_inside_and_float32_outside() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small(
            norm="group", attention=True, upsampling="bilinear", deep_supervision=True, aspp=(2,)
        )
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("gate0_up").compute_dtype == "bfloat16"
    outputs = model(noise(1, 16, 16, 1))
    assert {keras.backend.standardize_dtype(output.dtype) for output in outputs} == {"float32"}
    assert all(np.isfinite(np.asarray(output)).all() for output in outputs)


def test_prediction_in_half_precision_agrees() -> None:
    model = small(upsampling="bilinear", attention=True, aspp=(2,), residual=True)
    tiles = noise(1, 32, 32, 1)
    exact = open_model(model)(tiles)
    rough = open_model(model, precision="bfloat16")(tiles)
    assert 0 < np.abs(rough - exact).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize(("bands", "classes", "what"), [(0, 2, "bands"), (1, 0, "classes")])
def test_nothing_to_see_or_to_tell(bands: int, classes: int, what: str) -> None:
    with pytest.raises(SettingsError, match=f"{what} is 0"):
        build(ModelSettings(), bands, classes)
