"""Blocks of a network: convolution, normalisation, ReLU, and the atrous pyramid (ASPP)."""

from __future__ import annotations

import math
from typing import Any

import keras

from tilesegm.networks.settings import ModelSettings

__all__ = ["atrous_pyramid", "convolve", "level", "normalise"]

_GROUPS = 8


def convolve(
    x: Any, filters: int, settings: ModelSettings, name: str, *, kernel: int = 3, dilation: int = 1
) -> Any:
    """Convolve with zero padding and normalise, without a ReLU.

    Args:
        x: map ``(N, H, W, C)``.
        filters: number of bands of the result.
        settings: the normalisation; the convolution has a bias if there is none.
        name: the layers are named ``"{name}_conv"`` and ``"{name}_norm"``. A part of ``name`` after
            the last dot goes to the end: ``"level0.a"`` gives ``"level0_conv_a"``.
        kernel: side of the kernel in pixels.
        dilation: dilation of the kernel.
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

    Group normalisation (Wu and He: Group Normalization, ECCV 2018) has ``gcd(filters, 8)`` groups,
    which divides any number of filters.
    """
    if settings.norm == "batch":
        # 0.9 rather than 0.99, the default of Keras: after a hundred steps the statistics must not
        # depend on their initial values.
        return keras.layers.BatchNormalization(momentum=0.9, name=name)(x)
    if settings.norm == "group":
        groups = math.gcd(x.shape[-1], _GROUPS)
        return keras.layers.GroupNormalization(groups, name=name)(x)
    return x


def level(x: Any, filters: int, settings: ModelSettings, name: str) -> Any:
    """Apply two 3 x 3 convolutions, each followed by normalisation and ReLU.

    With ``settings.residual`` the input is added before the last ReLU, through a 1 x 1 convolution
    if its number of bands differs (He et al.: Deep Residual Learning for Image Recognition, CVPR
    2016).

    Args:
        x: map ``(N, H, W, C)``.
        filters: number of bands of the result ``(N, H, W, filters)``.
        settings: normalisation and residual.
        name: prefix of the names of the layers.
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


def atrous_pyramid(x: Any, settings: ModelSettings) -> Any:
    """Concatenate a 1 x 1 and one 3 x 3 convolution per dilation, and mix them by 1 x 1.

    The other branch of the paper, the mean over the whole image, is left out: in a tile it would be
    the mean of the tile, so that scores would depend on the tiling.

    Source: Chen et al.: Rethinking Atrous Convolution for Semantic Image Segmentation, 2017,
    arXiv:1706.05587, section 3.3.

    Args:
        x: map ``(N, H, W, C)``.
        settings: ``aspp`` (the dilations) and the normalisation.

    Returns:
        Map ``(N, H, W, C)``.
    """
    filters = x.shape[-1]
    branches = []
    for kernel, dilation in ((1, 1), *((3, dilation) for dilation in settings.aspp)):
        name = f"aspp_{kernel}x{kernel}_{dilation}"
        branch = convolve(x, filters, settings, name, kernel=kernel, dilation=dilation)
        branches.append(keras.layers.ReLU(name=f"{name}_relu")(branch))
    x = keras.layers.Concatenate(name="aspp_join")(branches)
    x = convolve(x, filters, settings, "aspp_out", kernel=1)
    return keras.layers.ReLU(name="aspp_out_relu")(x)


def _named(name: str, kind: str) -> str:
    stem, dot, part = name.rpartition(".")
    return f"{stem}_{kind}_{part}" if dot else f"{name}_{kind}"
