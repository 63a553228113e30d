"""Exponential logarithmic losses: a small power of a negative logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.cross_entropy import class_weight_map, pixel_cross_entropy
from tilesegm.losses.dice import dice
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.region import RegionLoss, RegionOptions
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.tversky import power_of_loss

__all__ = ["ExpLogCrossEntropy", "ExpLogDice"]

_LARGEST_LOSS = 1.0 - 1e-6


@keras.saving.register_keras_serializable(package="tilesegm")
class ExpLogDice(RegionLoss):
    """Mean over classes of ``(-log Dice) ** gamma`` (Wong et al. 2018, MICCAI).

    Args:
        gamma: exponent above 0; below 1, classes that are nearly right get more weight.
        smooth: added to numerator and denominator of Dice, in pixels.
        **region: the arguments of every `RegionLoss`.
    """

    def __init__(
        self, *, gamma: float = 0.3, smooth: float = 1.0, **region: Unpack[RegionOptions]
    ) -> None:
        super().__init__(**region)
        in_range("gamma", gamma, 0, ends="(]")
        in_range("smooth", smooth, 0)
        self.gamma = gamma
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return ``(-log Dice) ** gamma`` of each group and class, ``(G, K)``."""
        loss = dice(target, probability, weight, smooth=self.smooth, pool=self.pool)
        return power_of_loss(-ops.log1p(-ops.minimum(loss, _LARGEST_LOSS)), self.gamma)


@keras.saving.register_keras_serializable(package="tilesegm")
class ExpLogCrossEntropy(SegmentationLoss):
    """Weighted mean over pixels of ``(-log p_t) ** gamma`` (Wong et al. 2018, MICCAI).

    Args:
        gamma: exponent above 0; 1 gives cross-entropy.
        class_weights: one weight per class, background first; the paper takes the square root of
            the number of all pixels over the pixels of the class.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(
        self,
        *,
        gamma: float = 0.3,
        class_weights: Sequence[float] | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        in_range("gamma", gamma, 0, ends="(]")
        self.gamma = gamma
        self.class_weights = None if class_weights is None else [float(w) for w in class_weights]

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of ``(-log p_t) ** gamma``."""
        weight = batch.weight
        if self.class_weights is not None:
            weight = weight * class_weight_map(batch.classes, self.class_weights)
        pixels = pixel_cross_entropy(batch.classes, batch.log_probability)
        return weighted_mean(power_of_loss(pixels, self.gamma), weight)
