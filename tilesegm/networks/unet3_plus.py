"""UNet 3+: every level of the decoder sees the maps of all scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tilesegm.networks.blocks import convolve
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.upsampling import upsample

__all__ = ["decode"]


def decode(maps: Sequence[Any], settings: ModelSettings) -> list[Any]:
    """Return the maps on the way up, finest first, the bottom last.

    Level i joins one map of each scale, brought to its size and to ``filters`` bands by a 3 x 3
    convolution: finer ones and its own from the way down, coarser ones from the way up. One more
    3 x 3 convolution mixes them.

    Source: Huang et al.: UNet 3+: A Full-Scale Connected UNet for Medical Image Segmentation,
    ICASSP 2020, equation 1; without its classification-guided module. Coarser maps come down to
    ``filters`` bands before they are enlarged, where the paper enlarges the 1024 bands of its
    bottom to full resolution.

    Args:
        maps: Maps on the way down of strides 1, 2, 4 ...
        settings: Tell filters and upsampling.
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
