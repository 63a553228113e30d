"""Networks from their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tilesegm.errors import SettingsError
from tilesegm.networks.blocks import atrous_pyramid
from tilesegm.networks.decoders import (
    decode_unet,
    decode_unet3_plus,
    decode_unet_plus_plus,
    descend,
)
from tilesegm.networks.encoders import encode
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.stages import freeze

__all__ = ["DECODERS", "build", "inference_model", "unet"]

DECODERS: dict[str, Callable[[Sequence[Any], ModelSettings], list[Any]]] = {
    "unet": decode_unet,
    "unet++": decode_unet_plus_plus,
    "unet3+": decode_unet3_plus,
}
"""Decoders by the name of the network."""


def build(settings: ModelSettings, bands: int, classes: int) -> keras.Model:
    """Build a network for images of any size that is a multiple of its total stride.

    ``settings.weights`` is left to `tilesegm.networks.start_weights.load_start_weights`.

    Args:
        settings: the settings of the network.
        bands: number of bands of the image.
        classes: number of classes.

    Returns:
        A functional model from pixels ``(N, H, W, bands)`` to float32 logits
        ``(N, H, W, classes)``; with deep supervision to a list of logits, the best first: full
        resolution, half, quarter and so on for U-Net and UNet 3+, all of full resolution for
        UNet++.

    Raises:
        SettingsError: there is no band or no class.
        ModelError: the weights of the encoder cannot be loaded.
    """
    for name, count in {"bands": bands, "classes": classes}.items():
        if count < 1:
            raise SettingsError(f"{name} is {count}; a network needs at least 1")
    inputs = keras.Input((None, None, bands), name="image")
    *maps, x = encode(inputs, settings) if settings.encoder else descend(inputs, settings)
    if settings.aspp:
        x = atrous_pyramid(x, settings)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, name="dropout")(x)
    decoded = DECODERS[settings.name]([*maps, x], settings)
    outputs = _score(decoded if settings.deep_supervision else decoded[:1], classes)
    name = {"unet": "unet", "unet++": "unet_plus_plus", "unet3+": "unet3_plus"}[settings.name]
    model = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=name)
    if settings.encoder:
        freeze(model, settings.encoder.frozen)
    return model


def unet(bands: int, classes: int, **settings: Any) -> keras.Model:
    """Build a U-Net for images of any size that is a multiple of ``2**depth`` pixels.

    Every level is two 3 x 3 convolutions with zero padding, so scores have the size of the image;
    filters double at each halving. With ``norm="batch"`` all statistics are fixed at inference and
    nothing depends on the extent of the input: so a tile gives the scores of the whole image.

    Source: Ronneberger, Fischer, Brox: U-Net, MICCAI 2015; with batch normalisation and "same"
    padding in place of the paper's cropped borders.

    Args:
        bands: number of bands of the image.
        classes: number of classes.
        **settings: fields of `ModelSettings`, such as ``filters`` and ``depth``.

    Returns:
        A functional model from pixels ``(N, H, W, bands)`` to float32 logits
        ``(N, H, W, classes)``.

    Raises:
        SettingsError: a setting is out of range.
    """
    return build(ModelSettings(**settings), bands, classes)


def inference_model(model: keras.Model) -> keras.Model:
    """Return the network with its first output only, on the same layers and weights.

    Layers that only the other outputs need are not part of it.
    """
    if len(model.outputs) == 1:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _score(maps: Sequence[Any], classes: int) -> list[Any]:
    """Return float32 logits ``(N, h, w, classes)`` of each map, by a 1 x 1 convolution.

    The layers are named ``"logits"``, ``"logits1"``, ``"logits2"`` ...
    """
    # Logits in float32 whatever the precision inside: a softmax of bfloat16 is too coarse.
    return [
        keras.layers.Conv2D(classes, 1, dtype="float32", name=f"logits{index or ''}")(x)
        for index, x in enumerate(maps)
    ]
