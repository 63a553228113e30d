"""Pyramid loss: one loss at several resolutions of the same prediction."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.deep_supervision import output_weights
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import divide
from tilesegm.losses.tensors import Tensor, sides

__all__ = ["Pyramid", "pooled"]


@keras.saving.register_keras_serializable(package="tilesegm")
class Pyramid(SegmentationLoss):
    """The weighted mean of a loss over resolutions, ``sum_s w_s L_s``, with pooled labels.

    At scale s, each block of s x s pixels becomes one pixel: its label is the fraction of each
    class in the block, its prediction the mean probability, its weight the sum of weights. So a
    coarse scale asks for the right *amount* of each class, anywhere in the block. Hard labels at
    scale 1 become soft labels at coarser scales, and ignored pixels count at none. Labels by
    nearest neighbour, as in other pyramid losses, would lose structures thinner than s.

    Args:
        base: the loss at each scale. It must have its optimum at p = g for soft labels:
            ``CrossEntropy``, ``Jaccard``, ``Dice``; not the Lovász, boundary or topology losses,
            which need hard labels. ``from_logits`` and ``ignore`` are taken from it.
        scales: sides of the blocks in pixels; 1 is full resolution.
        weights: one number per scale, scaled to the sum 1; equal if None.
        name: name in logs; ``"pyramid"`` if None.

    Raises:
        SettingsError: a scale is below 1, or the weights do not match the scales.
    """

    def __init__(
        self,
        base: SegmentationLoss,
        *,
        scales: Sequence[int] = (1, 2, 4),
        weights: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(from_logits=base.from_logits, ignore=base.ignore, name=name)
        if not scales or min(scales) < 1:
            raise SettingsError(f"scales is {scales}; expected integers of at least 1")
        if weights is not None and len(weights) != len(scales):
            raise SettingsError(f"weights is {weights} for scales {scales}; pass one per scale")
        self.base = base
        self.scales = [int(s) for s in scales]
        self.weights = output_weights(len(scales), "equal" if weights is None else weights)
        self.minimum = base.minimum

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of the base loss over scales."""
        levels = zip(self.weights, self.scales, strict=True)
        values = [weight * self.base.compute(pooled(batch, scale)) for weight, scale in levels]
        return ops.sum(ops.stack(values))


def pooled(batch: LossInputs, scale: int) -> LossInputs:
    """Return the inputs at a coarser resolution, with probabilities as scores.

    Args:
        batch: labels, scores and weights; scale 1 returns them unchanged.
        scale: side of the blocks in pixels. If the sides of a tile are not multiples of it, the
            last blocks have fewer pixels, and so less weight.
    """
    if scale == 1:
        return batch
    weight = _block_sums(batch.weight[..., None], scale)
    target = _block_sums(batch.target * batch.weight[..., None], scale)
    scores = _block_sums(batch.probability * batch.weight[..., None], scale)
    return LossInputs(
        target=divide(target, weight),
        scores=divide(scores, weight),
        weight=weight[..., 0],
        from_logits=False,
    )


def _block_sums(maps: Tensor, scale: int) -> Tensor:
    """Sum ``(N, H, W, K)`` over blocks, with zeros beyond the edge."""
    (H, W), K = sides(maps), int(maps.shape[-1])
    rows, columns = -(-H // scale), -(-W // scale)
    beyond = ((0, 0), (0, rows * scale - H), (0, columns * scale - W), (0, 0))
    blocks = ops.reshape(ops.pad(maps, beyond), (-1, rows, scale, columns, scale, K))
    return ops.sum(blocks, axis=(2, 4))
