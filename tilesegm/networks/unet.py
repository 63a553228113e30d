"""The U-Net: what a convolution sees at the coarse end, drawn sharp with what it saw on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tilesegm.networks.attention import gate
from tilesegm.networks.blocks import level
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.upsampling import upsample

__all__ = ["decode", "descend", "unet"]


def unet(bands: int, classes: int, **settings: Any) -> keras.Model:
    """Build a U-Net for images of any size that is a multiple of ``2**depth`` pixels.

    Every level is two 3 x 3 convolutions with zero padding, so scores come out at the size of the
    image; filters double on the way down. All statistics are fixed at inference, which is what
    lets a tile agree with the whole image: with ``norm="batch"`` nothing depends on the extent of
    the input.

    Source: Ronneberger, Fischer, Brox: U-Net, MICCAI 2015; with batch normalisation and "same"
    padding in place of the paper's cropped borders.

    Args:
        bands: Bands of the image.
        classes: Classes to score.
        **settings: Fields of `ModelSettings`, such as ``filters`` and ``depth``.

    Returns:
        A functional model: pixels ``(N, H, W, bands)`` to float32 logits ``(N, H, W, classes)``.

    Raises:
        SettingsError: A setting is out of range.
    """
    from tilesegm.networks.build import build

    return build(ModelSettings(**settings), bands, classes)


def descend(inputs: Any, settings: ModelSettings) -> list[Any]:
    """Return the maps on the way down, of strides 1, 2, 4 ...; the last is the bottom."""
    x = inputs
    maps = []
    for index in range(settings.halvings):
        maps.append(level(x, settings.filters << index, settings, f"down{index}"))
        x = keras.layers.MaxPooling2D(2, name=f"pool{index}")(maps[-1])
    maps.append(level(x, settings.filters << settings.halvings, settings, "bottom"))
    return maps


def decode(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps on the way up, finest first.

    Args:
        maps: Maps on the way down of strides 1, 2, 4 ...
        settings: Tell filters, upsampling and attention.
    """
    *skips, x = maps
    found = []
    for index in reversed(range(len(skips))):
        filters, skip = settings.filters << index, skips[index]
        if settings.attention:
            skip = gate(skip, x, filters, f"gate{index}")
        x = upsample(x, filters, settings.upsampling or "transpose", 2, f"up{index}")
        x = keras.layers.Concatenate(name=f"join{index}")([skip, x])
        x = level(x, filters, settings, f"level{index}")
        found.append(x)
    return found[::-1]
