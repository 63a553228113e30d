"""Skeleton recall: the probability along the centreline of the truth."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.morphology import dilate_cross
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import RegionLoss, RegionOptions, pixel_sum
from tilesegm.losses.skeleton import thin
from tilesegm.losses.tensors import Tensor

__all__ = ["SkeletonRecall", "skeleton_tube"]


def skeleton_tube(target: Tensor, valid: Tensor, *, width: int = 2) -> Tensor:
    """Return the skeleton of each class, dilated ``width`` times and kept inside the class.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes; a pixel belongs to a class if its
            fraction is above 1/2.
        valid: ``(N, H, W, 1)`` bool; other pixels are background.
        width: number of dilations by the four neighbours of each pixel.

    Returns:
        ``(N, H, W, K)`` float32, 1 inside the tube. No gradient passes.
    """
    mask = ops.logical_and(target > 0.5, valid)
    tube = ops.cast(thin(mask), "float32")
    for _ in range(width):
        tube = dilate_cross(tube, valid)
    return ops.stop_gradient(tube * ops.cast(mask, "float32"))


@keras.saving.register_keras_serializable(package="tilesegm")
class SkeletonRecall(RegionLoss):
    """Skeleton recall loss (Kirchhoff et al. 2024, ECCV) for thin, connected structures.

    ``1 - sum(p t) / sum(t)``, with t the dilated skeleton of the truth. Cheaper than `ClDice`: only
    the truth is skeletonised, inside the graph, so augmented labels need no preparation. It
    measures recall only, and predicting the class everywhere is its optimum: **always add** Dice
    or cross-entropy.

    Args:
        width: number of dilations of the skeleton by its four neighbours; 2 in the paper.
        **region: ``pool``, ``absent``, ``background`` as for every `RegionLoss`, except that by
            default ``background`` is False and ``absent`` is ``"skip"``, since an absent class has
            no skeleton. ``from_logits``, ``ignore``, ``name``.
    """

    def __init__(self, *, width: int = 2, **region: Unpack[RegionOptions]) -> None:
        region.setdefault("background", False)
        region.setdefault("absent", "skip")
        super().__init__(**region)
        in_range("width", width, 0)
        self.width = width

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the fraction of the tube that is missed, ``(G, K)``; 0 without a tube."""
        tube = skeleton_tube(target, (weight > 0)[..., None], width=self.width)
        missed = pixel_sum((1.0 - probability) * tube, weight, self.pool)
        return divide(missed, pixel_sum(tube, weight, self.pool))
