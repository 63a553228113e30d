"""Matthews correlation loss, which uses all four counts of the confusion matrix."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.region import RegionLoss, RegionOptions, overlap, pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["MCC"]


@keras.saving.register_keras_serializable(package="tilesegm")
class MCC(RegionLoss):
    """Matthews correlation loss ``1 - MCC`` per class (Abhishek and Hamarneh 2021, ISBI).

    ``MCC = (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))``; a loss of 1 means no
    better than chance. Unlike Dice it also rewards true negatives. For a class that fills its group
    the correlation is as undefined as for an absent class, and ``absent`` decides in both cases.

    Args:
        smooth: added to each factor of the denominator, as a fraction of the area; above 0. Keeps
            the gradient finite if nothing or everything is predicted.
        **region: the arguments of every `RegionLoss`.
    """

    def __init__(self, *, smooth: float = 1e-6, **region: Unpack[RegionOptions]) -> None:
        super().__init__(**region)
        in_range("smooth", smooth, 0, ends="(]")
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return one minus the correlation of each group and class, ``(G, K)``, in [0, 2]."""
        # Counts as fractions of the area: the product of four counts would overflow, and the
        # correlation does not depend on scale.
        area = ops.maximum(pixel_sum(ops.ones_like(target), weight, self.pool), 1e-7)
        count = overlap(target, probability, weight, self.pool)
        tp, fp, fn = count.tp / area, count.fp / area, count.fn / area
        tn = pixel_sum(1.0 - target, weight, self.pool) / area - fp
        spread = 1.0
        for factor in (tp + fp, tp + fn, tn + fp, tn + fn):
            spread = spread * ops.sqrt(ops.maximum(factor, 0.0) + self.smooth)
        return 1.0 - (tp * tn - fp * fn) / spread

    def defined(self, target: Tensor, weight: Tensor) -> Tensor:
        """Return where the class is present and does not fill its group, ``(G, K)`` bool."""
        elsewhere = pixel_sum(1.0 - target, weight, self.pool) > 0.0
        return ops.logical_and(super().defined(target, weight), elsewhere)
