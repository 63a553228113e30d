"""UNet++: every level is refined step by step, each step with all that came before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tilesegm.networks.blocks import level
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.upsampling import upsample

__all__ = ["decode"]


def decode(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps of full resolution, the deepest first.

    Node ``(i, j)`` of level i joins nodes ``(i, 0)`` to ``(i, j - 1)`` and the enlarged node
    ``(i + 1, j - 1)``. Those of level 0 are all of full resolution: each is the output of a
    network of depth j, which is what deep supervision trains.

    Source: Zhou et al.: UNet++: A Nested U-Net Architecture for Medical Image Segmentation,
    DLMIA 2018, equation 1.

    Args:
        maps: Maps on the way down of strides 1, 2, 4 ..., which are the nodes ``(i, 0)``.
        settings: Tell filters and upsampling.
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
