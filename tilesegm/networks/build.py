"""Networks from their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tilesegm.errors import SettingsError
from tilesegm.networks.aspp import atrous_pyramid
from tilesegm.networks.decoders import (
    decode_unet,
    decode_unet3_plus,
    decode_unet_plus_plus,
    descend,
)
from tilesegm.networks.encoders import encode
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.stages import freeze

__all__ = ["build", "inference_model", "unet"]

_DECODERS: dict[str, Callable[[Sequence[Any], ModelSettings], list[Any]]] = {
    "unet": decode_unet,
    "unet++": decode_unet_plus_plus,
    "unet3+": decode_unet3_plus,
}


def build(settings: ModelSettings, bands: int, classes: int) -> keras.Model:
    """Build a network for images of any size that is a multiple of its total stride.

    ``settings.weights`` is left to `tilesegm.networks.start_weights.load_start_weights`.

    Args:
        settings: which network.
        bands: bands of the image.
        classes: classes to score.

    Returns:
        A functional model: pixels ``(N, H, W, bands)`` to float32 logits ``(N, H, W, classes)``;
        with deep supervision to a list of logits, the best first: of a U-Net and a UNet 3+ those of
        full resolution and then of half of it and so on, of a UNet++ all of full resolution.

    Raises:
        SettingsError: there is no band or no class.
        ModelError: the encoder's weights cannot be had.
    """
    for what, count in {"bands": bands, "classes": classes}.items():
        if count < 1:
            raise SettingsError(f"{what} is {count}; a network needs at least 1")
    inputs = keras.Input((None, None, bands), name="image")
    *maps, x = encode(inputs, settings) if settings.encoder else descend(inputs, settings)
    if settings.aspp:
        x = atrous_pyramid(x, settings)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, name="dropout")(x)
    decoded = _DECODERS[settings.name]([*maps, x], settings)
    outputs = _score(decoded if settings.deep_supervision else decoded[:1], classes)
    name = {"unet": "unet", "unet++": "unet_plus_plus", "unet3+": "unet3_plus"}[settings.name]
    model = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=name)
    if settings.encoder:
        freeze(model, settings.encoder.frozen)
    return model


def unet(bands: int, classes: int, **settings: Any) -> keras.Model:
    """Build a U-Net for images of any size that is a multiple of ``2**depth`` pixels.

    Every level is two 3 x 3 convolutions with zero padding, so scores come out at the size of the
    image; filters double on the way down. All statistics are fixed at inference, which is what
    lets a tile agree with the whole image: with ``norm="batch"`` nothing depends on the extent of
    the input.

    Source: Ronneberger, Fischer, Brox: U-Net, MICCAI 2015; with batch normalisation and "same"
    padding in place of the paper's cropped borders.

    Args:
        bands: bands of the image.
        classes: classes to score.
        **settings: fields of `ModelSettings`, such as ``filters`` and ``depth``.

    Returns:
        A functional model: pixels ``(N, H, W, bands)`` to float32 logits ``(N, H, W, classes)``.

    Raises:
        SettingsError: a setting is out of range.
    """
    return build(ModelSettings(**settings), bands, classes)


def inference_model(model: keras.Model) -> keras.Model:
    """Return the network with its finest output alone, on the same layers and weights.

    Layers that served other outputs only are not part of it.
    """
    if len(model.outputs) == 1:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _score(maps: Sequence[Any], classes: int) -> list[Any]:
    """Return float32 logits ``(N, h, w, classes)`` of each map, by a 1 x 1 convolution.

    The first is named ``"logits"``, those after it ``"logits1"``, ``"logits2"`` ...
    """
    # Logits in float32 whatever the precision inside: a softmax of bfloat16 is too coarse.
    return [
        keras.layers.Conv2D(classes, 1, dtype="float32", name=f"logits{index or ''}")(x)
        for index, x in enumerate(maps)
    ]
