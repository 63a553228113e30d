"""The first U-Net: its shapes, its size and what it depends on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest

from tilesegm.errors import SettingsError
from tilesegm.networks.build import unet
from tilesegm.networks.upsampling import Bilinear


def convolution(size: int, before: int, after: int) -> int:
    return size * size * before * after


def level(before: int, after: int) -> int:
    """Two convolutions without bias, each with four numbers a filter of batch normalisation."""
    return convolution(3, before, after) + convolution(3, after, after) + 8 * after


@pytest.mark.parametrize(("upsampling", "size"), [("bilinear", 1), ("nearest", 1), (None, 2)])
@pytest.mark.parametrize(("bands", "classes", "filters", "depth"), [(3, 5, 16, 4), (1, 2, 4, 2)])
def test_number_of_parameters(
    bands: int, classes: int, filters: int, depth: int, upsampling: str | None, size: int
) -> None:
    widths = [filters * 2**k for k in range(depth + 1)]
    expected = level(bands, widths[0])
    expected += sum(level(a, b) for a, b in pairwise(widths))
    for fine, coarse in pairwise(widths):
        expected += convolution(size, coarse, fine) + fine + level(2 * fine, fine)
    expected += filters * classes + classes
    model = unet(bands, classes, filters=filters, depth=depth, upsampling=upsampling)
    assert model.count_params() == expected


@pytest.mark.parametrize("shape", [(16, 16), (16, 48), (64, 32)])
def test_any_multiple_of_the_stride(shape: tuple[int, int]) -> None:
    model = unet(2, 3, filters=2, depth=4)
    scores = model.predict_on_batch(np.zeros((2, *shape, 2), np.float32))
    assert scores.shape == (2, *shape, 3)
    assert scores.dtype == np.float32


def test_moving_the_image_by_the_stride_moves_the_scores() -> None:
    model = unet(1, 2, filters=2, depth=2)
    pixels = np.zeros((1, 64, 64, 1), np.float32)
    pixels[0, 28:36, 28:36] = np.random.default_rng(0).normal(size=(8, 8, 1))
    moved = np.roll(pixels, (4, -8), (1, 2))
    scores, after = (np.asarray(model.predict_on_batch(x)) for x in (pixels, moved))
    np.testing.assert_allclose(
        np.roll(scores, (4, -8), (1, 2))[:, 24:44, 20:40], after[:, 24:44, 20:40], atol=1e-6
    )


def test_every_pixel_near_by_counts_and_batch_mates_do_not() -> None:
    model = unet(1, 2, filters=4, depth=2)
    random = np.random.default_rng(1)
    pair = random.normal(size=(2, 32, 32, 1)).astype(np.float32)
    other = pair.copy()
    other[1] = 7.0
    scores, changed = model.predict_on_batch(pair), model.predict_on_batch(other)
    np.testing.assert_array_equal(scores[0], changed[0])
    assert np.abs(scores[1] - changed[1]).max() > 1e-3


def test_dropout_acts_in_training_only() -> None:
    model = unet(1, 2, filters=4, depth=1, dropout=0.5)
    pixels = np.random.default_rng(2).normal(size=(1, 16, 16, 1)).astype(np.float32)
    at_rest = [np.asarray(model(pixels, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*at_rest)
    assert any(isinstance(layer, keras.layers.Dropout) for layer in model.layers)


def test_logits_stay_float32_in_half_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = unet(1, 2, filters=2, depth=1)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("bottom_conv_a").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


def test_without_normalisation_there_is_a_bias() -> None:
    model = unet(1, 2, filters=2, depth=1, norm="none")
    kinds = {type(layer) for layer in model.layers}
    assert keras.layers.BatchNormalization not in kinds
    assert model.get_layer("bottom_conv_a").use_bias


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bands": 0}, "bands is 0"),
        ({"filters": 0}, "filters is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"norm": "layer"}, "norm is 'layer'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        unet(**{"bands": 1, "classes": 2, **settings})


def test_maps_get_finer_by_interpolation_when_nothing_is_said() -> None:
    layers = {layer.name: layer for layer in unet(1, 2, filters=2, depth=1).layers}
    assert isinstance(layers["up0"], Bilinear)


def test_layers_and_weights_keep_their_names_and_order() -> None:
    # Bundles and checkpoints are loaded by them. Runs that gave no way of upsampling hold null.
    model = unet(1, 2, filters=2, depth=1, upsampling=None)
    level = "{0}_conv_a {0}_norm_a {0}_relu_a {0}_conv_b {0}_norm_b {0}_relu_b"
    order = f"image {level} pool0 {level} up0 join0 {level} logits".replace("{0}", "{}")
    blocks = [block for block in ("down0", "bottom", "level0") for _ in range(6)]
    assert [layer.name for layer in model.layers] == order.format(*blocks).split()
    norm = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = [
        path
        for block in ("down0", "bottom", "up0", "level0")
        for path in (
            [f"{block}/kernel", f"{block}/bias"]
            if block == "up0"
            else [
                path
                for step in "ab"
                for path in (
                    f"{block}_conv_{step}/kernel",
                    *(f"{block}_norm_{step}/{what}" for what in norm),
                )
            ]
        )
    ]
    assert [weight.path for weight in model.weights] == [
        *weights,
        "logits/kernel",
        "logits/bias",
    ]
