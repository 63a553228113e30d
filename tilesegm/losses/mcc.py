"""Matthews correlation loss, which uses all four counts of the confusion matrix."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.region import Pool, RegionLoss, RegionOptions, overlap, pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["MCC", "matthews"]


def matthews(
    target: Tensor,
    probability: Tensor,
    weight: Tensor,
    *,
    smooth: float = 1e-6,
    pool: Pool = "batch",
) -> Tensor:
    """Return one minus Matthews' correlation of each group and class.

    ``MCC = (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))``, with counts as
    fractions of the area: the product of four counts would overflow, and the correlation does not
    depend on scale.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)`` predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        smooth: added to each of the four factors, as a fraction of the area; keeps the gradient
            finite if nothing or everything is predicted.
        pool: whether to sum over the whole batch or over each image.

    Returns:
        ``(G, K)`` losses in ``[0, 2]``; 1 means no better than chance.
    """
    area = ops.maximum(pixel_sum(ops.ones_like(target), weight, pool), 1e-7)
    count = overlap(target, probability, weight, pool)
    tp, fp, fn = count.tp / area, count.fp / area, count.fn / area
    tn = pixel_sum(1.0 - target, weight, pool) / area - fp
    spread = 1.0
    for factor in (tp + fp, tp + fn, tn + fp, tn + fn):
        spread = spread * ops.sqrt(ops.maximum(factor, 0.0) + smooth)
    return 1.0 - (tp * tn - fp * fn) / spread


@keras.saving.register_keras_serializable(package="tilesegm")
class MCC(RegionLoss):
    """Matthews correlation loss ``1 - MCC`` per class (Abhishek and Hamarneh 2021, ISBI).

    Unlike Dice it also rewards true negatives. For a class that fills its group the correlation is
    as undefined as for an absent class, and ``absent`` decides in both cases.

    Args:
        smooth: added to each factor of the denominator, as a fraction of the area; above 0.
        **region: ``pool``, ``absent``, ``background`` as for every `RegionLoss`; ``from_logits``,
            ``ignore``, ``name``.

    Raises:
        SettingsError: ``smooth`` is not above 0.
    """

    def __init__(self, *, smooth: float = 1e-6, **region: Unpack[RegionOptions]) -> None:
        super().__init__(**region)
        if smooth <= 0.0:
            raise SettingsError(f"smooth is {smooth}; expected a number above 0")
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `matthews` of each group and class, ``(G, K)``."""
        return matthews(target, probability, weight, smooth=self.smooth, pool=self.pool)

    def defined(self, target: Tensor, weight: Tensor) -> Tensor:
        """Return where the class is present and does not fill its group, ``(G, K)`` bool."""
        elsewhere = pixel_sum(1.0 - target, weight, self.pool) > 0.0
        return ops.logical_and(super().defined(target, weight), elsewhere)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "smooth": self.smooth}
