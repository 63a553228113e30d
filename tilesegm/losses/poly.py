"""Poly-1 loss: cross-entropy with a larger first coefficient of its power series."""

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

__all__ = ["Poly1"]


@keras.saving.register_keras_serializable(package="tilesegm")
class Poly1(SegmentationLoss):
    """Poly-1 loss ``-log p + epsilon (1 - p)`` (Leng et al. 2022, ICLR, equation 3).

    ``-log p = sum_j (1 - p)^j / j``; the first coefficient dominates the gradient near the optimum.

    Args:
        epsilon: added to the first coefficient; at least -1, where that vanishes.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, epsilon: float = 1.0, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        in_range("epsilon", epsilon, -1)
        self.epsilon = epsilon

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of ``-log p_t + epsilon (1 - p_t)``."""
        pixels = pixel_cross_entropy(batch.classes, batch.log_probability)
        wrong = -ops.sum(batch.classes * ops.expm1(batch.log_probability), axis=-1)
        return weighted_mean(pixels + self.epsilon * wrong, batch.weight)
