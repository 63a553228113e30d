"""The way up of each network: from the maps of the way down to maps that scores are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tilesegm.networks.attention import gate
from tilesegm.networks.blocks import convolve, level
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.upsampling import upsample

__all__ = ["decode_unet", "decode_unet3_plus", "decode_unet_plus_plus", "descend"]


def descend(inputs: Any, settings: ModelSettings) -> list[Any]:
    """Return the maps on the way down, of strides 1, 2, 4 ...; the last is the bottom."""
    x = inputs
    maps = []
    for index in range(settings.halvings):
        maps.append(level(x, settings.filters << index, settings, f"down{index}"))
        x = keras.layers.MaxPooling2D(2, name=f"pool{index}")(maps[-1])
    maps.append(level(x, settings.filters << settings.halvings, settings, "bottom"))
    return maps


def decode_unet(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps on the way up, finest first.

    Args:
        maps: maps on the way down of strides 1, 2, 4 ...
        settings: tell filters, upsampling and attention.
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


def decode_unet_plus_plus(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps of full resolution, the deepest first.

    Node ``(i, j)`` of level i joins nodes ``(i, 0)`` to ``(i, j - 1)`` and the enlarged node
    ``(i + 1, j - 1)``. Those of level 0 are all of full resolution: each is the output of a
    network of depth j, which is what deep supervision trains.

    Source: Zhou et al.: UNet++: A Nested U-Net Architecture for Medical Image Segmentation,
    DLMIA 2018, equation 1.

    Args:
        maps: maps on the way down of strides 1, 2, 4 ..., which are the nodes ``(i, 0)``.
        settings: tell filters and upsampling.
    """
    kind = settings.upsampling or "transpose"
    nodes = [[x] for x in maps]
    for step in range(1, len(maps)):
        for index in range(len(maps) - step):
            filters, name = settings.filters << index, f"{index}_{step}"
            finer = upsample(nodes[index + 1][step - 1], filters, kind, 2, f"up{name}")
            x = keras.layers.Concatenate(name=f"join{name}")([*nodes[index], finer])
            nodes[index].append(level(x, filters, settings, f"node{name}"))
    return nodes[0][:0:-1]


def decode_unet3_plus(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps on the way up, finest first, the bottom last.

    Level i joins one map of each scale, brought to its size and to ``filters`` bands by a 3 x 3
    convolution: finer ones and its own from the way down, coarser ones from the way up. One more
    3 x 3 convolution mixes them.

    Source: Huang et al.: UNet 3+: A Full-Scale Connected UNet for Medical Image Segmentation,
    ICASSP 2020, equation 1; without its classification-guided module. Coarser maps come down to
    ``filters`` bands before they are enlarged, where the paper enlarges the 1024 bands of its
    bottom to full resolution.

    Args:
        maps: maps on the way down of strides 1, 2, 4 ...
        settings: tell filters and upsampling.
    """
    kind = settings.upsampling or "bilinear"
    found = [maps[-1]]
    for index in reversed(range(len(maps) - 1)):
        parts = []
        for source, down in enumerate(maps[: index + 1]):
            name = f"full{index}_{source}"
            x = down
            if source < index:
                x = keras.layers.MaxPooling2D(1 << (index - source), name=f"{name}_pool")(x)
            parts.append(_rectified(x, settings.filters, settings, name))
        for offset, up in enumerate(found):
            name = f"full{index}_{index + 1 + offset}"
            x = upsample(up, settings.filters, kind, 2 << offset, f"{name}_up")
            parts.append(_rectified(x, settings.filters, settings, name))
        x = keras.layers.Concatenate(name=f"join{index}")(parts)
        found.insert(0, _rectified(x, settings.filters * len(parts), settings, f"level{index}"))
    return found


def _rectified(x: Any, filters: int, settings: ModelSettings, name: str) -> Any:
    return keras.layers.ReLU(name=f"{name}_relu")(convolve(x, filters, settings, name))
