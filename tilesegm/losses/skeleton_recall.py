"""Skeleton recall: the probability along the centreline of the truth."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.morphology import dilate_cross
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import Pool, RegionLoss, RegionOptions, pixel_sum
from tilesegm.losses.skeleton import thin
from tilesegm.losses.tensors import Tensor

__all__ = ["SkeletonRecall", "skeleton_recall", "skeleton_tube"]


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


def skeleton_recall(
    target: Tensor, probability: Tensor, weight: Tensor, *, width: int = 2, pool: Pool = "batch"
) -> Tensor:
    """Return the fraction of the true skeleton tube t that is missed, ``1 - sum(p t) / sum(t)``.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)``.
        weight: ``(N, H, W)`` pixel weights; they weigh the pixels of the sums. The skeleton depends
            on them only in that pixels of weight 0 are left out.
        width: see `skeleton_tube`.
        pool: whether to sum over the whole batch or over each image.

    Returns:
        ``(G, K)`` losses in [0, 1], with G = 1 for the batch and N for images; 0 without a tube.
    """
    tube = skeleton_tube(target, (weight > 0)[..., None], width=width)
    missed = pixel_sum((1.0 - probability) * tube, weight, pool)
    return divide(missed, pixel_sum(tube, weight, pool))


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

    Raises:
        SettingsError: an argument is out of range.
    """

    def __init__(self, *, width: int = 2, **region: Unpack[RegionOptions]) -> None:
        region.setdefault("background", False)
        region.setdefault("absent", "skip")
        super().__init__(**region)
        if width < 0:
            raise SettingsError(f"width is {width}; expected 0 or more")
        self.width = width

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `skeleton_recall` of each group and class, ``(G, K)``."""
        return skeleton_recall(target, probability, weight, width=self.width, pool=self.pool)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "width": self.width}
