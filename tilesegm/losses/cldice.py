"""Centreline Dice: whether each skeleton lies inside the other mask."""

from __future__ import annotations

from typing import Unpack

import keras

from tilesegm.checks import in_range
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import RegionLoss, RegionOptions, pixel_sum
from tilesegm.losses.skeleton import soft_skeleton
from tilesegm.losses.tensors import Tensor

__all__ = ["ClDice"]


@keras.saving.register_keras_serializable(package="tilesegm")
class ClDice(RegionLoss):
    """Soft centreline Dice loss (Shit et al. 2021, CVPR) for roads, vessels and membranes.

    ``1 - 2 P S / (P + S)``, with P the fraction of the predicted skeleton inside the true mask and
    S the fraction of the true skeleton inside the predicted mask. A gap of one pixel in a road
    hardly changes Dice, but here it costs a piece of skeleton. The loss is blind to the width of
    objects: add Dice or cross-entropy (in the paper clDice has at most half of the weight). The
    time grows with ``iterations``. Weights weigh the pixels of the fractions; skeletons depend on
    weights only in that pixels of weight 0 are left out.

    Args:
        iterations: number of erosions of the soft skeleton; more than the largest half-width in
            pixels.
        smooth: added to numerators and denominators, in pixels.
        **region: ``pool``, ``absent``, ``background`` as for every `RegionLoss`, except that
            ``background`` is False by default: the skeleton of the background means nothing.
            ``from_logits``, ``ignore``, ``name``.
    """

    def __init__(
        self, *, iterations: int = 10, smooth: float = 1.0, **region: Unpack[RegionOptions]
    ) -> None:
        region.setdefault("background", False)
        super().__init__(**region)
        in_range("iterations", iterations, 1)
        in_range("smooth", smooth, 0)
        self.iterations = iterations
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the loss of each group and class, ``(G, K)``, in [0, 1]."""
        valid = (weight > 0)[..., None]
        predicted = soft_skeleton(probability, valid, self.iterations)
        true = soft_skeleton(target, valid, self.iterations)

        def inside(skeleton: Tensor, mask: Tensor) -> Tensor:
            covered = pixel_sum(skeleton * mask, weight, self.pool) + self.smooth
            return divide(covered, pixel_sum(skeleton, weight, self.pool) + self.smooth)

        precision, sensitivity = inside(predicted, target), inside(true, probability)
        return 1.0 - divide(2.0 * precision * sensitivity, precision + sensitivity)
