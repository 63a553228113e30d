"""Focal loss: cross-entropy with less weight for pixels that are already right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["Focal", "miss"]

_SMALLEST_MISS = 1e-7


def miss(log_probability: Tensor) -> Tensor:
    """Return ``1 - p``, exact for p close to 1 and never below 1e-7.

    The floor keeps the gradient of ``(1 - p) ** gamma`` finite for any gamma; at the floor it is 0.
    """
    return ops.maximum(-ops.expm1(log_probability), _SMALLEST_MISS)


@keras.saving.register_keras_serializable(package="tilesegm")
class Focal(SegmentationLoss):
    """Focal loss ``-alpha_t (1 - p_t)^gamma log p_t`` (Lin et al. 2017, ICCV, equation 5).

    For binary, categorical and sparse labels alike.

    Args:
        gamma: focus; how strongly pixels that are already right lose weight; 0 gives cross-entropy.
        alpha: one factor per class, background first; a single number a in ``[0, 1]`` is the factor
            of the foreground of a two-class problem and means ``(1 - a, a)``.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        in_range("gamma", gamma, 0)
        if isinstance(alpha, int | float):
            alpha = (1.0 - alpha, float(alpha))
        if alpha is not None and min(alpha, default=-1.0) < 0.0:
            raise SettingsError(f"alpha is {alpha}; expected factors >= 0, at most 1 if single")
        self.gamma = gamma
        self.alpha = None if alpha is None else [float(a) for a in alpha]

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of ``-sum_c alpha_c t_c (1 - p_c)^gamma log p_c``.

        Unlike with class weights, the mean is not divided by ``alpha``.

        Raises:
            SettingsError: ``alpha`` does not have one number per class.
        """
        target, log_probability = batch.classes, batch.log_probability
        pixels = -target * miss(log_probability) ** self.gamma * log_probability
        if self.alpha is not None:
            if len(self.alpha) != int(target.shape[-1]):
                raise SettingsError(
                    f"alpha has {len(self.alpha)} numbers for {int(target.shape[-1])} classes; pass"
                    " one per class, or a single number for the foreground of a binary problem"
                )
            pixels = pixels * ops.convert_to_tensor(self.alpha, dtype="float32")
        return weighted_mean(ops.sum(pixels, axis=-1), batch.weight)
