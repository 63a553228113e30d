"""The decoders of the networks: from the maps of an encoder to the maps that are scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tilesegm.networks.blocks import convolve, level
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.upsampling import Bilinear, upsample

__all__ = ["decode_unet", "decode_unet3_plus", "decode_unet_plus_plus", "descend"]


def descend(inputs: Any, settings: ModelSettings) -> list[Any]:
    """Return the maps of the encoder of a U-Net, of strides 1, 2, 4 ...; the last is the bottom."""
    x = inputs
    maps = []
    for index in range(settings.halvings):
        maps.append(level(x, settings.filters << index, settings, f"down{index}"))
        x = keras.layers.MaxPooling2D(2, name=f"pool{index}")(maps[-1])
    maps.append(level(x, settings.filters << settings.halvings, settings, "bottom"))
    return maps


def decode_unet(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps of the decoder of a U-Net, finest first.

    Each level enlarges the coarser map and concatenates the encoder's map of the same size.

    Args:
        maps: maps of the encoder, of strides 1, 2, 4 ...
        settings: filters, upsampling and attention.
    """
    *skips, x = maps
    decoded = []
    for index in reversed(range(len(skips))):
        filters, skip = settings.filters << index, skips[index]
        if settings.attention:
            skip = _gate(skip, x, filters, f"gate{index}")
        x = upsample(x, filters, settings.upsampling or "transpose", 2, f"up{index}")
        x = keras.layers.Concatenate(name=f"join{index}")([skip, x])
        x = level(x, filters, settings, f"level{index}")
        decoded.append(x)
    return decoded[::-1]


def decode_unet_plus_plus(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the full-resolution maps of a UNet++, the deepest first.

    Node ``(i, j)`` of level i concatenates nodes ``(i, 0)`` to ``(i, j - 1)`` and the enlarged node
    ``(i + 1, j - 1)``. The nodes of level 0 all have full resolution: each is the output of a
    network of depth j, which deep supervision trains.

    Source: Zhou et al.: UNet++: A Nested U-Net Architecture for Medical Image Segmentation,
    DLMIA 2018, equation 1.

    Args:
        maps: maps of the encoder, of strides 1, 2, 4 ..., which are the nodes ``(i, 0)``.
        settings: filters and upsampling.
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
    """Return the maps of the decoder of a UNet 3+, finest first, the bottom last.

    Level i concatenates one map of each scale, resampled to its size and reduced to ``filters``
    bands by a 3 x 3 convolution: the maps of the encoder down to its own scale, and the coarser
    maps of the decoder. Another 3 x 3 convolution mixes them.

    Source: Huang et al.: UNet 3+: A Full-Scale Connected UNet for Medical Image Segmentation,
    ICASSP 2020, equation 1; without its classification-guided module. Coarser maps are reduced to
    ``filters`` bands before they are enlarged; the paper enlarges the 1024 bands of its bottom to
    full resolution.

    Args:
        maps: maps of the encoder, of strides 1, 2, 4 ...
        settings: filters and upsampling.
    """
    kind = settings.upsampling or "bilinear"
    decoded = [maps[-1]]
    for index in reversed(range(len(maps) - 1)):
        parts = []
        for source, down in enumerate(maps[: index + 1]):
            name = f"full{index}_{source}"
            x = down
            if source < index:
                x = keras.layers.MaxPooling2D(1 << (index - source), name=f"{name}_pool")(x)
            parts.append(_rectified(x, settings.filters, settings, name))
        for offset, up in enumerate(decoded):
            name = f"full{index}_{index + 1 + offset}"
            x = upsample(up, settings.filters, kind, 2 << offset, f"{name}_up")
            parts.append(_rectified(x, settings.filters, settings, name))
        x = keras.layers.Concatenate(name=f"join{index}")(parts)
        decoded.insert(0, _rectified(x, settings.filters * len(parts), settings, f"level{index}"))
    return decoded


def _gate(skip: Any, coarse: Any, filters: int, name: str) -> Any:
    """Weigh a skip connection by additive attention.

    ``a = sigmoid(psi(relu(theta(skip) + phi(coarse))))`` is computed on the coarse grid, with
    theta a 2 x 2 convolution of stride 2 and phi and psi 1 x 1 convolutions, then interpolated;
    the result is ``a * skip``.

    Source: Oktay et al.: Attention U-Net: Learning Where to Look for the Pancreas, MIDL 2018,
    equations 1 and 2.

    Args:
        skip: map ``(N, 2 H, 2 W, C)``.
        coarse: map ``(N, H, W, D)`` of the next coarser level of the decoder.
        filters: number of bands in which the two maps are compared.
        name: prefix of the names of the layers.

    Returns:
        Map ``(N, 2 H, 2 W, C)``.
    """
    theta = keras.layers.Conv2D(filters, 2, strides=2, use_bias=False, name=f"{name}_theta")(skip)
    phi = keras.layers.Conv2D(filters, 1, name=f"{name}_phi")(coarse)
    x = keras.layers.Add(name=f"{name}_add")([theta, phi])
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    x = keras.layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_psi")(x)
    x = Bilinear(2, name=f"{name}_up")(x)
    return keras.layers.Multiply(name=f"{name}_multiply")([skip, x])


def _rectified(x: Any, filters: int, settings: ModelSettings, name: str) -> Any:
    return keras.layers.ReLU(name=f"{name}_relu")(convolve(x, filters, settings, name))
