"""The base of all overlap losses: sums over pixels, and the mean over images and classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Unpack

from keras import ops

from tilesegm.checks import one_of
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import divide, weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["Absent", "Overlap", "Pool", "RegionLoss", "RegionOptions", "overlap", "pixel_sum"]

Pool = Literal["batch", "image"]
"""Pixels that one ratio is formed of: all pixels of the batch, or the pixels of each image."""

Absent = Literal["area", "skip", "formula"]
"""Contribution of a class without pixels in the batch (or image) to the mean; see `RegionLoss`."""


class RegionOptions(Common, total=False):
    """The arguments that every overlap loss takes, for ``**region: Unpack[RegionOptions]``."""

    pool: Pool
    absent: Absent
    background: bool


@dataclass(frozen=True, slots=True)
class Overlap:
    """Soft counts of pixels for each group of pixels and class, ``(G, K)`` float32.

    Attributes:
        tp: true positives, predicted and true.
        fp: false positives, predicted and not true.
        fn: false negatives, true and not predicted.
    """

    tp: Tensor
    fp: Tensor
    fn: Tensor


def pixel_sum(values: Tensor, weight: Tensor, pool: Pool = "batch") -> Tensor:
    """Sum ``weight * values`` over the pixels of each group.

    Args:
        values: ``(N, H, W, K)``.
        weight: ``(N, H, W)`` pixel weights.
        pool: whether to sum over the whole batch or over each image.

    Returns:
        ``(1, K)`` for the batch, ``(N, K)`` for images.
    """
    weighted = weight[..., None] * values
    if pool == "image":
        return ops.sum(weighted, axis=(1, 2))
    return ops.sum(weighted, axis=(0, 1, 2))[None]


def overlap(target: Tensor, probability: Tensor, weight: Tensor, pool: Pool = "batch") -> Overlap:
    """Count true positives, false positives and false negatives, for soft labels too.

    A pixel has ``TP = min(p, g)``. For hard labels this is the usual ``p g``; for soft labels the
    product would be largest at p = 1, while the minimum has its optimum at p = g (Wang et al. 2023,
    NeurIPS, "Jaccard metric losses").

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)`` predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        pool: whether to sum over the whole batch or over each image.
    """
    difference = probability - target
    # min(p, g) through |p - g|, whose gradient at p = g is 0 on every backend; that of
    # `minimum` is not the same everywhere.
    apart = ops.abs(difference)
    return Overlap(
        tp=pixel_sum(0.5 * (probability + target - apart), weight, pool),
        fp=pixel_sum(0.5 * (apart + difference), weight, pool),
        fn=pixel_sum(0.5 * (apart - difference), weight, pool),
    )


class RegionLoss(SegmentationLoss):
    """Base of losses that are a ratio of sums for each class.

    A subclass implements `per_class`; this class selects the classes and takes the mean over groups
    (weighted by their area) and classes.

    **Absent classes.** On a tile without a class, the ratio has no numerator: Dice with smoothing s
    is ``1 - s / (sum p + s)`` there, with the gradient ``s / (sum p + s)^2``, which vanishes on a
    large tile. So false positives on empty tiles would go unpunished. ``absent`` decides:

    * ``"area"`` (default): the class contributes the mean of ``|p - g|``, the fraction of the area
      that is wrongly assigned to it; gradient ``w / sum(w)`` per pixel, as strong as that of
      cross-entropy.
    * ``"skip"``: the class is left out of the mean; no value, no gradient.
    * ``"formula"``: the value of the formula with its smoothing, as in most libraries.

    Args:
        pool: ``"batch"`` forms one ratio for all pixels of the batch, so a tile without the class
            still counts together with the other tiles; ``"image"`` forms one ratio per image.
        absent: what a class without pixels contributes: ``"area"``, the fraction of the area that
            is wrongly assigned to it; ``"skip"``, nothing; ``"formula"``, the ratio as it is.
        background: whether class 0 counts if K > 1.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(
        self,
        *,
        pool: Pool = "batch",
        absent: Absent = "area",
        background: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        one_of("pool", pool, Pool)
        one_of("absent", absent, Absent)
        self.pool = pool
        self.absent = absent
        self.background = background

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the loss of each group and class, ``(G, K)``, with the optimum 0."""
        raise NotImplementedError

    def defined(self, target: Tensor, weight: Tensor) -> Tensor:
        """Return for each group and class, ``(G, K)`` bool, whether the ratio is defined."""
        return pixel_sum(target, weight, self.pool) > 0.0

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the mean of `per_class` over groups and classes."""
        target, probability, weight = batch.target, batch.probability, batch.weight
        if not self.background and batch.channels > 1:
            target, probability = target[..., 1:], probability[..., 1:]
        losses = self.per_class(target, probability, weight)
        return self.mean(losses, target, probability, weight)

    def mean(self, losses: Tensor, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the mean of ``losses`` ``(G, K)``, with absent classes as ``absent`` says."""
        area = pixel_sum(ops.ones_like(target), weight, self.pool)
        if self.absent == "formula":
            return weighted_mean(losses, area)
        defined = self.defined(target, weight)
        if self.absent == "skip":
            return weighted_mean(losses, area * ops.cast(defined, "float32"))
        wrong = divide(pixel_sum(ops.abs(probability - target), weight, self.pool), area)
        return weighted_mean(ops.where(defined, losses, wrong), area)
