"""Poly-1 loss: cross-entropy with a larger first coefficient of its power series."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.cross_entropy import pixel_cross_entropy
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["Poly1", "poly1"]


def poly1(
    target: Tensor, log_probability: Tensor, weight: Tensor, *, epsilon: float = 1.0
) -> Tensor:
    """Return the weighted mean of ``-log p_t + epsilon (1 - p_t)``, a scalar.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes.
        log_probability: ``(N, H, W, C)`` logarithms of the predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        epsilon: added to the first coefficient of the series; 0 gives cross-entropy.
    """
    wrong = -ops.sum(target * ops.expm1(log_probability), axis=-1)
    return weighted_mean(pixel_cross_entropy(target, log_probability) + epsilon * wrong, weight)


@keras.saving.register_keras_serializable(package="tilesegm")
class Poly1(SegmentationLoss):
    """Poly-1 loss ``-log p + epsilon (1 - p)`` (Leng et al. 2022, ICLR, equation 3).

    ``-log p = sum_j (1 - p)^j / j``; the first coefficient dominates the gradient near the optimum.

    Args:
        epsilon: added to the first coefficient; at least -1, where that vanishes.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.

    Raises:
        SettingsError: ``epsilon`` is below -1, which would reward wrong answers.
    """

    def __init__(self, *, epsilon: float = 1.0, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        if epsilon < -1.0:
            raise SettingsError(f"epsilon is {epsilon}; expected a number >= -1")
        self.epsilon = epsilon

    def compute(self, batch: LossInputs) -> Tensor:
        """Return `poly1` of the batch."""
        return poly1(batch.classes, batch.log_probability, batch.weight, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "epsilon": self.epsilon}
