"""Settings of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["EncoderSettings", "ModelSettings"]


@dataclass(frozen=True)
class EncoderSettings:
    """A network from `keras.applications` in place of the U-Net's own way down."""

    name: Literal[
        "resnet50",
        "mobilenet_v3_small",
        "mobilenet_v3_large",
        "efficientnet_v2_b0",
        "efficientnet_v2_s",
    ]
    weights: str | None = "imagenet"
    """``"imagenet"`` (fetched by Keras on first use), a weights file, or null for random ones."""
    frozen: tuple[str, ...] = ()
    """Stages that are not trained: ``"encoder"``, or its parts; ``"encoder1"`` is the finest."""
    learning_rate: float = 1.0
    """Factor on the learning rate of the encoder's weights."""


@dataclass(frozen=True)
class ModelSettings:
    """A network for dense prediction."""

    name: Literal["unet", "unet++", "unet3+"] = "unet"
    filters: int = 16
    """Filters of the finest level; they double on the way down."""
    depth: int = 4
    """Number of halvings."""
    norm: Literal["batch", "group", "none"] = "batch"
    """Normalisation after each convolution. ``group`` depends on the extent of a tile, so its tiled
    result is not exact."""
    dropout: float = 0.0
    """Share of the coarsest features dropped while training."""
    residual: bool = False
    """Add the input of each level to its output."""
    attention: bool = False
    """Gate skip connections by what the coarser level sees (Oktay et al. 2018)."""
    aspp: tuple[int, ...] = ()
    """Dilations of an atrous pyramid at the bottom, such as [2, 4, 6]; none when empty."""
    upsampling: Literal["transpose", "nearest", "bilinear"] = "transpose"
    deep_supervision: bool = False
    """Score coarser levels too while training; the saved network has the finest output alone."""
    encoder: EncoderSettings | None = None
    weights: str | None = None
    """Bundle or Keras file of the same architecture to start from; layers whose shapes differ,
    such as the scores of other classes, start anew."""
