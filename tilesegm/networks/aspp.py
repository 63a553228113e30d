"""Atrous spatial pyramid pooling (ASPP): convolutions of one map at several dilations."""

from __future__ import annotations

from typing import Any

import keras

from tilesegm.networks.blocks import convolve
from tilesegm.networks.settings import ModelSettings

__all__ = ["atrous_pyramid"]


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
