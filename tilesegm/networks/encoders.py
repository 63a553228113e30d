"""Networks from `keras.applications` as encoders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tilesegm.errors import ModelError
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.blocks import level
from tilesegm.networks.encoder_file import encode_by_file, spread_over_bands
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.shown import line_of

__all__ = ["encode", "expected_normalisation"]

_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""Standard deviations of red, green and blue of the photographs of ImageNet."""


@dataclass(frozen=True)
class _Network:
    """What is needed to split a network into stages and to normalise its input."""

    application: str
    """Name in `keras.applications`."""
    first: str
    """Name of the first convolution."""
    ends: tuple[str, ...]
    """Layers whose inputs are the maps of stride 2, 4, 8, 16 and 32; empty for the last output."""
    offset: tuple[float, float, float] = (127.5, 127.5, 127.5)
    """Input that the ImageNet weights expect: ``(value - offset) / unit`` of 8-bit values."""
    unit: tuple[float, float, float] = (127.5, 127.5, 127.5)
    reversed: bool = False
    """Whether the ImageNet weights expect blue first."""


_MOBILENET = "expanded_conv_{}_expand".format
_EFFICIENTNET = (*(f"block{block}a_expand_conv" for block in (2, 3, 4, 6)), "top_conv")
_NETWORKS = {
    "resnet50": _Network(
        "ResNet50",
        "conv1_conv",
        ("pool1_pad", *(f"conv{block}_block1_1_conv" for block in (3, 4, 5)), ""),
        (123.68, 116.779, 103.939),
        (1.0, 1.0, 1.0),
        reversed=True,
    ),
    "mobilenet_v3_small": _Network(
        "MobileNetV3Small",
        "conv",
        ("expanded_conv_depthwise_pad", *map(_MOBILENET, (1, 3, 8)), "conv_1"),
    ),
    "mobilenet_v3_large": _Network(
        "MobileNetV3Large", "conv", (*map(_MOBILENET, (1, 3, 6, 12)), "conv_1")
    ),
    "efficientnet_v2_b0": _Network(
        "EfficientNetV2B0",
        "stem_conv",
        _EFFICIENTNET,
        (0.485 * 255, 0.456 * 255, 0.406 * 255),
        _DEVIATION,
    ),
    "efficientnet_v2_s": _Network(
        "EfficientNetV2S", "stem_conv", _EFFICIENTNET, (128.0, 128.0, 128.0), (128.0, 128.0, 128.0)
    ),
}


def expected_normalisation(settings: ModelSettings) -> Normalisation | None:
    """Return the normalisation of 8-bit red, green and blue that an encoder was trained with.

    Pretrained first kernels are scaled so that every encoder takes bands of standard deviation 1:
    for other images, normalise each band to mean 0 and deviation 1.

    Returns:
        The normalisation; None without an encoder or without its weights, since any normalisation
        will do.
    """
    encoder = settings.encoder
    if encoder is None or encoder.weights is None or encoder.name not in _NETWORKS:
        return None
    scale = tuple(1 / deviation for deviation in _DEVIATION)
    return Normalisation(_NETWORKS[encoder.name].offset, scale)


def encode(inputs: Any, settings: ModelSettings) -> list[Any]:
    """Return maps of strides 1, 2, 4 ... ``2 ** settings.halvings`` of an encoder.

    Encoders begin with a halving; the map of stride 1 comes from two additional convolutions of the
    image, so that borders can be placed exactly. Identity layers named ``"encoder1"``,
    ``"encoder2"`` ... mark the other maps, and with them the stages.

    Args:
        inputs: the image ``(N, H, W, bands)``.
        settings: settings with an encoder.

    Raises:
        ModelError: its weights cannot be loaded, or belong to another network.
    """
    assert settings.encoder is not None
    if settings.encoder.name not in _NETWORKS:
        return encode_by_file(inputs, settings)
    network = _NETWORKS[settings.encoder.name]
    whole = _application(network, input_tensor=inputs)
    for layer in whole.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # As in `blocks.normalise`: 0.99 or more would keep ImageNet's statistics too long.
            layer.momentum = 0.9
    if settings.encoder.weights is not None:
        _load(whole, network, settings.encoder)
    maps = [level(inputs, settings.filters, settings, "full")]
    for index, end in enumerate(network.ends[: settings.halvings], 1):
        x = whole.get_layer(end).input if end else whole.output
        maps.append(keras.layers.Identity(name=f"encoder{index}")(x))
    return maps


def _application(network: _Network, **settings: Any) -> keras.Model:
    make = getattr(keras.applications, network.application)
    settings = {"include_top": False, "weights": None, **settings}
    if network.application != "ResNet50":
        settings["include_preprocessing"] = False
    return make(**settings)


def _load(whole: keras.Model, network: _Network, settings: EncoderSettings) -> None:
    """Load the weights of a network, with the first convolution adapted to its bands."""
    bands = whole.inputs[0].shape[-1]
    donor = _donor(network, settings, bands)
    for layer in whole.layers:
        weights = donor.get_layer(layer.name).get_weights() if layer.weights else []
        if layer.name == network.first and weights[0].shape[2] == 3:
            kernel = weights[0][:, :, ::-1] if network.reversed else weights[0]
            # In units of the deviation, so that any standardised bands suit the encoder.
            ratio = np.divide(_DEVIATION, network.unit).reshape(3, 1)
            weights[0] = spread_over_bands(kernel * ratio, bands)
        if weights:
            layer.set_weights(weights)


def _donor(network: _Network, settings: EncoderSettings, bands: int) -> keras.Model:
    """Return the network with pretrained weights, for three bands or the bands of the image."""
    if settings.weights == "imagenet":
        try:
            # The size has no effect, but MobileNetV3 warns about any other.
            return _application(network, weights="imagenet", input_shape=(224, 224, 3))
        except Exception as error:
            raise ModelError(
                f"the ImageNet weights of {settings.name} cannot be fetched "
                f"({line_of(error, 200)}); fetch that file elsewhere and pass it as "
                f"encoder.weights, or null for random weights"
            ) from error
    if not Path(str(settings.weights)).is_file():
        raise ModelError(
            f"encoder.weights is {settings.weights} and no such file exists; pass a file, "
            f"'imagenet', or null for random weights"
        )
    reasons = []
    for count in dict.fromkeys((3, bands)):
        donor = _application(network, input_shape=(224, 224, count))
        try:
            donor.load_weights(settings.weights)
        except Exception as error:
            reasons.append(line_of(error, 200))
        else:
            return donor
    raise ModelError(
        f"{settings.weights} does not hold weights of {settings.name} without its top "
        f"({reasons[0]}); pass a file of keras.applications ('notop') or of save_weights"
    )
