"""Generalised Dice: one ratio for all classes, weighted by one over their squared size."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import one_of
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import divide, weighted_mean
from tilesegm.losses.region import Pool, overlap, pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["GeneralizedDice"]


@keras.saving.register_keras_serializable(package="tilesegm")
class GeneralizedDice(SegmentationLoss):
    """Generalised Dice loss (Sudre et al. 2017, DLMIA).

    ``1 - 2 sum_c w_c |P G| / sum_c w_c (|P| + |G|)`` with ``w_c = 1 / |G|^2``. The rarest class
    dominates: a class of one pixel has a million times the weight of a class of a thousand pixels,
    and the loss jumps when it appears or vanishes. Prefer the mean of `Dice` over classes, except
    for comparisons.

    The weight of an absent class would be infinite; it gets the largest weight of the classes that
    are present, so that predicting it still costs. For a group without any class (an empty tile of
    a binary problem) the loss is the mean probability.

    Args:
        pool: one ratio for all pixels of the ``"batch"``, or one for each ``"image"``.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, pool: Pool = "batch", **common: Unpack[Common]) -> None:
        super().__init__(**common)
        one_of("pool", pool, Pool)
        self.pool = pool

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the loss, averaged over groups by their weight."""
        target, probability, weight = batch.target, batch.probability, batch.weight
        count = overlap(target, probability, weight, self.pool)
        area = ops.maximum(pixel_sum(ops.ones_like(target), weight, self.pool), 1e-7)
        # Sizes as fractions of the area keep the squares within float32 for tiles of any size.
        size = pixel_sum(target, weight, self.pool) / area
        some = size > 0.0
        finite = ops.where(some, 1.0 / ops.square(ops.where(some, size, 1.0)), 0.0)
        class_weight = ops.where(some, finite, ops.max(finite, axis=-1, keepdims=True))
        errors = ops.sum(class_weight * (count.fp + count.fn), axis=-1)
        shared = ops.sum(class_weight * 2.0 * count.tp, axis=-1)
        wrong = ops.mean(count.fp / area, axis=-1)
        losses = ops.where(ops.any(some, axis=-1), divide(errors, shared + errors), wrong)
        pixels = pixel_sum(ops.ones_like(target[..., :1]), weight, self.pool)[..., 0]
        return weighted_mean(losses, pixels)
