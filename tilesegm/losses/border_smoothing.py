"""Labels that are soft near borders, where annotators disagree, and hard elsewhere."""

from __future__ import annotations

import math
from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.cross_entropy import cross_entropy
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.morphology import blur
from tilesegm.losses.tensors import Tensor

__all__ = ["BorderSmoothing", "smooth_borders"]


def smooth_borders(target: Tensor, valid: Tensor, *, sigma: float = 1.0, radius: int = 1) -> Tensor:
    """Mix each label with the labels around it; the centre has half of the weight.

    The centre of the Gaussian kernel is set to the sum of its other entries (spatially varying
    label smoothing, Islam and Glocker 2021, IPMI). Pixels that are ignored or outside the tile have
    no weight, and the other weights are scaled to the sum 1, so labels inside an object stay hard.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes.
        valid: ``(N, H, W)``, 1 where the pixel has a label, else 0.
        sigma: standard deviation of the kernel in pixels.
        radius: half-width of the kernel, which has ``2 * radius + 1`` pixels per side.

    Returns:
        ``(N, H, W, C)`` soft labels, zero at pixels that are not valid.
    """
    line = [math.exp(-(i**2) / (2.0 * sigma**2)) for i in range(-radius, radius + 1)]
    around = sum(line) ** 2 - 1.0
    total = 2.0 * around
    mask = valid[..., None]
    blurred = blur(target * mask, line) + (around - 1.0) * target * mask
    share = blur(mask, line) + (around - 1.0) * mask
    return mask * blurred / ops.maximum(share, 1e-6 * total)


@keras.saving.register_keras_serializable(package="tilesegm")
class BorderSmoothing(SegmentationLoss):
    """Cross-entropy against labels that are smoothed near borders only (Islam and Glocker 2021).

    Uniform label smoothing treats every pixel as uncertain; this loss only the pixels within
    ``radius`` of another class, which keeps the network calibrated where hand-drawn borders are
    uncertain.

    Args:
        sigma: standard deviation of the kernel in pixels.
        radius: half-width of the kernel, which has ``2 * radius + 1`` pixels per side.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, sigma: float = 1.0, radius: int = 1, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        in_range("sigma", sigma, 0, ends="(]", what="pixels")
        in_range("radius", radius, 1, what="pixels")
        self.sigma = sigma
        self.radius = radius

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the cross-entropy against `smooth_borders` of the labels."""
        valid = ops.cast(batch.weight > 0, "float32")
        soft = smooth_borders(batch.classes, valid, sigma=self.sigma, radius=self.radius)
        return cross_entropy(soft, batch.log_probability, batch.weight)
