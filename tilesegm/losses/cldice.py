"""Centreline Dice: whether each skeleton lies inside the other mask."""

from __future__ import annotations

from typing import Any, Unpack

import keras

from tilesegm.errors import SettingsError
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import Pool, RegionLoss, RegionOptions, pixel_sum
from tilesegm.losses.skeleton import soft_skeleton
from tilesegm.losses.tensors import Tensor

__all__ = ["ClDice", "cl_dice"]


def cl_dice(
    target: Tensor,
    probability: Tensor,
    weight: Tensor,
    *,
    iterations: int = 10,
    smooth: float = 1.0,
    pool: Pool = "batch",
) -> Tensor:
    """Return one minus the harmonic mean of topology precision and sensitivity, for each class.

    Precision is the fraction of the predicted skeleton inside the true mask, sensitivity the
    fraction of the true skeleton inside the predicted mask. Weights weigh the pixels of these sums;
    skeletons depend on weights only in that pixels of weight 0 are left out.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)``.
        weight: ``(N, H, W)`` pixel weights.
        iterations: number of erosions of the soft skeleton, more than the largest half-width in
            pixels.
        smooth: added to numerators and denominators, in pixels.
        pool: over the whole batch or over each image.

    Returns:
        ``(G, K)`` losses in [0, 1], with G = 1 for the batch and N for images.
    """
    valid = (weight > 0)[..., None]
    predicted = soft_skeleton(probability, valid, iterations)
    true = soft_skeleton(target, valid, iterations)
    inside = pixel_sum(predicted * target, weight, pool) + smooth
    precision = divide(inside, pixel_sum(predicted, weight, pool) + smooth)
    covered = pixel_sum(true * probability, weight, pool) + smooth
    sensitivity = divide(covered, pixel_sum(true, weight, pool) + smooth)
    return 1.0 - divide(2.0 * precision * sensitivity, precision + sensitivity)


@keras.saving.register_keras_serializable(package="tilesegm")
class ClDice(RegionLoss):
    """Soft centreline Dice loss (Shit et al. 2021, CVPR) for roads, vessels and membranes.

    ``1 - 2 P S / (P + S)``, with P the fraction of the predicted skeleton inside the true mask and
    S the fraction of the true skeleton inside the predicted mask. A gap of one pixel in a road
    hardly changes Dice, but here it costs a piece of skeleton. The loss is blind to the width of
    objects: add Dice or cross-entropy (in the paper clDice has at most half of the weight). The
    time grows with ``iterations``.

    Args:
        iterations: number of erosions of the soft skeleton; more than the largest half-width in
            pixels.
        smooth: added to numerators and denominators, in pixels.
        **region: ``pool``, ``absent``, ``background`` as for every `RegionLoss`, except that
            ``background`` is False by default: the skeleton of the background means nothing.
            ``from_logits``, ``ignore``, ``name``.

    Raises:
        SettingsError: an argument is out of range.
    """

    def __init__(
        self, *, iterations: int = 10, smooth: float = 1.0, **region: Unpack[RegionOptions]
    ) -> None:
        region.setdefault("background", False)
        super().__init__(**region)
        if iterations < 1 or smooth < 0.0:
            raise SettingsError(
                f"iterations is {iterations} and smooth {smooth}; expected iterations >= 1 and"
                " smooth >= 0"
            )
        self.iterations = iterations
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `cl_dice` of each group and class, ``(G, K)``."""
        return cl_dice(
            target,
            probability,
            weight,
            iterations=self.iterations,
            smooth=self.smooth,
            pool=self.pool,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "iterations": self.iterations, "smooth": self.smooth}
