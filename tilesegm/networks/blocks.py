"""What levels of a network are made of: convolution, normalisation, rectifier."""

from __future__ import annotations

import math
from typing import Any

import keras

from tilesegm.networks.settings import ModelSettings

__all__ = ["convolve", "level", "normalise"]

_GROUPS = 8


def convolve(
    x: Any, filters: int, settings: ModelSettings, name: str, *, kernel: int = 3, dilation: int = 1
) -> Any:
    """Convolve with zero padding and normalise, without a rectifier.

    Args:
        x: map ``(N, H, W, C)``.
        filters: bands of the result.
        settings: tell the normalisation; without one there is a bias.
        name: ``"{name}_conv"`` and ``"{name}_norm"`` are the layers, with the part of ``name``
            after its last dot put behind: ``"level0.a"`` gives ``"level0_conv_a"``.
        kernel: side of the kernel.
        dilation: distance between its taps.
    """
    x = keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        dilation_rate=dilation,
        use_bias=settings.norm == "none",
        kernel_initializer="he_normal",
        name=_named(name, "conv"),
    )(x)
    return normalise(x, settings, _named(name, "norm"))


def normalise(x: Any, settings: ModelSettings, name: str) -> Any:
    """Normalise as the settings say.

    Groups have ``gcd(filters, 8)`` members in number, so that any number of filters has some
    (Wu and He: Group Normalization, ECCV 2018).
    """
    if settings.norm == "batch":
        # 0.9 rather than Keras' 0.99: a run of a hundred steps must forget where it started.
        return keras.layers.BatchNormalization(momentum=0.9, name=name)(x)
    if settings.norm == "group":
        groups = math.gcd(x.shape[-1], _GROUPS)
        return keras.layers.GroupNormalization(groups, name=name)(x)
    return x


def level(x: Any, filters: int, settings: ModelSettings, name: str) -> Any:
    """Put a map through two 3 x 3 convolutions, each normalised and rectified.

    With ``settings.residual`` the input is added before the last rectifier, through a 1 x 1
    convolution where its bands are others (He et al.: Deep Residual Learning for Image
    Recognition, CVPR 2016).

    Args:
        x: map ``(N, H, W, C)``.
        filters: bands of the result ``(N, H, W, filters)``.
        settings: tell normalisation and residual.
        name: prefix of the layers' names.
    """
    start = x
    x = convolve(x, filters, settings, f"{name}.a")
    x = keras.layers.ReLU(name=f"{name}_relu_a")(x)
    x = convolve(x, filters, settings, f"{name}.b")
    if settings.residual:
        if start.shape[-1] != filters:
            start = convolve(start, filters, settings, f"{name}.shortcut", kernel=1)
        x = keras.layers.Add(name=f"{name}_add")([x, start])
    return keras.layers.ReLU(name=f"{name}_relu_b")(x)


def _named(name: str, what: str) -> str:
    stem, dot, part = name.rpartition(".")
    return f"{stem}_{what}_{part}" if dot else f"{name}_{what}"
