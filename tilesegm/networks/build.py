"""Networks from their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tilesegm.errors import SettingsError
from tilesegm.networks import unet, unet3_plus, unet_plus_plus
from tilesegm.networks.aspp import pyramid
from tilesegm.networks.encoders import encode
from tilesegm.networks.heads import score
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.stages import freeze

__all__ = ["build", "inference_model"]

_DECODERS: dict[str, Callable[[Sequence[Any], ModelSettings], list[Any]]] = {
    "unet": unet.decode,
    "unet++": unet_plus_plus.decode,
    "unet3+": unet3_plus.decode,
}


def build(settings: ModelSettings, bands: int, classes: int) -> keras.Model:
    """Build a network for images of any size that is a multiple of its total stride.

    ``settings.weights`` is left to `tilesegm.networks.start_weights.load_start_weights`.

    Args:
        settings: Which network.
        bands: Bands of the image.
        classes: Classes to score.

    Returns:
        A functional model: pixels ``(N, H, W, bands)`` to float32 logits ``(N, H, W, classes)``;
        with deep supervision to a list of logits, the best first: of a U-Net and a UNet 3+ those of
        full resolution and then of half of it and so on, of a UNet++ all of full resolution.

    Raises:
        SettingsError: There is no band or no class.
        ModelError: The encoder's weights cannot be had.
    """
    for what, count in {"bands": bands, "classes": classes}.items():
        if count < 1:
            raise SettingsError(f"{what} is {count}; a network needs at least 1")
    inputs = keras.Input((None, None, bands), name="image")
    *maps, x = encode(inputs, settings) if settings.encoder else unet.descend(inputs, settings)
    if settings.aspp:
        x = pyramid(x, settings)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, name="dropout")(x)
    decoded = _DECODERS[settings.name]([*maps, x], settings)
    outputs = score(decoded if settings.deep_supervision else decoded[:1], classes)
    name = {"unet": "unet", "unet++": "unet_plus_plus", "unet3+": "unet3_plus"}[settings.name]
    model = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=name)
    if settings.encoder:
        freeze(model, settings.encoder.frozen)
    return model


def inference_model(model: keras.Model) -> keras.Model:
    """Return the network with its finest output alone, on the same layers and weights.

    Layers that served other outputs only are not part of it.
    """
    if len(model.outputs) == 1:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
