"""Cross-entropy of the hardest pixels only (online hard example mining)."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.cross_entropy import pixel_cross_entropy
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["TopK", "hardest_mean"]


def hardest_mean(values: Tensor, weight: Tensor, fraction: float) -> Tensor:
    """Return the mean of the largest values that together have ``fraction`` of the weight.

    Of the value at the limit, only the weight inside the limit counts. So a value of weight 2
    equals two values exactly, and values without weight take no place.

    Args:
        values: values of any shape, float32, not negative.
        weight: weights of the same shape.
        fraction: in ``(0, 1]``.
    """
    flat, share = ops.reshape(values, (-1,)), ops.reshape(weight, (-1,))
    # No gradient passes through the choice of the hardest pixels.
    order = ops.argsort(-ops.stop_gradient(flat))
    flat, share = ops.take(flat, order), ops.take(share, order)
    before = ops.cumsum(share) - share
    return weighted_mean(flat, ops.clip(fraction * ops.sum(share) - before, 0.0, share))


@keras.saving.register_keras_serializable(package="tilesegm")
class TopK(SegmentationLoss):
    """Mean cross-entropy of the hardest pixels of a batch (Wu et al. 2016).

    Easy background no longer outweighs a rare class. But mislabelled pixels are the hardest of all:
    with noisy labels keep ``fraction`` large, and add a loss that sees every pixel. Costs a sort.

    Args:
        fraction: fraction of the pixel weight that counts, in ``(0, 1]``; 1 gives cross-entropy.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, fraction: float = 0.1, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        in_range("fraction", fraction, 0, 1, "(]")
        self.fraction = fraction

    def compute(self, batch: LossInputs) -> Tensor:
        """Return `hardest_mean` of the pixels' cross-entropy."""
        pixels = pixel_cross_entropy(batch.classes, batch.log_probability)
        return hardest_mean(pixels, batch.weight, self.fraction)
