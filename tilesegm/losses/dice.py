"""Soft Dice: overlap over the mean size of prediction and truth."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.reductions import shortfall
from tilesegm.losses.region import Pool, RegionLoss, RegionOptions, overlap, pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["Dice", "dice", "dice_sums"]


def dice_sums(
    target: Tensor, probability: Tensor, weight: Tensor, *, power: int = 1, pool: Pool = "batch"
) -> tuple[Tensor, Tensor]:
    """Return numerator and denominator of the Dice coefficient, each ``(G, K)``.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)`` predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        power: 1 for ``2 sum min(p, g)`` over ``sum p + sum g``, 2 for ``2 sum p g`` over
            ``sum p^2 + sum g^2``.
        pool: whether to sum over the whole batch or over each image.
    """
    if power == 1:
        count = overlap(target, probability, weight, pool)
        return 2.0 * count.tp, 2.0 * count.tp + count.fp + count.fn
    squares = ops.square(probability) + ops.square(target)
    product = 2.0 * probability * target
    return pixel_sum(product, weight, pool), pixel_sum(squares, weight, pool)


def dice(
    target: Tensor,
    probability: Tensor,
    weight: Tensor,
    *,
    power: int = 1,
    smooth: float = 1e-5,
    pool: Pool = "batch",
) -> Tensor:
    """Return ``1 - (2 sum p g + s) / (sum p^k + sum g^k + s)`` of each group and class.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)`` predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        power: k, 1 or 2.
        smooth: s, in pixels; also in the numerator, so an empty prediction of an absent class has
            the loss 0.
        pool: whether to sum over the whole batch or over each image.

    Returns:
        ``(G, K)`` losses in ``[0, 1]``, with G = 1 for the batch and N for images.
    """
    shared, sizes = dice_sums(target, probability, weight, power=power, pool=pool)
    return shortfall(shared + smooth, sizes + smooth)


@keras.saving.register_keras_serializable(package="tilesegm")
class Dice(RegionLoss):
    """Soft Dice loss ``1 - (2 sum p g + s) / (sum p^k + sum g^k + s)``, the mean over classes.

    Drozdzal et al. (2016, DLMIA) for k = 1, Milletari et al. (2016, 3DV) for k = 2. Classes count
    the same, however large they are. The gradient of a pixel depends on the whole batch: add
    `CrossEntropy`, which judges every pixel by itself.

    Example:
        >>> labels = [[[1, 0]]]  # one image of 1 x 2 pixels
        >>> probabilities = [[[[0.8], [0.4]]]]  # of the foreground
        >>> loss = Dice(from_logits=False)
        >>> round(float(loss(labels, probabilities)), 3)  # 1 - 2 * 0.8 / (1.2 + 1)
        0.273
        >>> round(float(loss(labels, probabilities, [[[1.0, 0.0]]])), 3)  # without the second pixel
        0.111

    Args:
        power: k, 1 or 2. With 1, soft labels have their optimum at p = g because the overlap is
            ``min(p, g)``; with 2 the product has it there too.
        smooth: added to numerator and denominator, in pixels.
        **region: the arguments of every `RegionLoss`.
    """

    def __init__(
        self, *, power: int = 1, smooth: float = 1e-5, **region: Unpack[RegionOptions]
    ) -> None:
        super().__init__(**region)
        if power not in (1, 2):
            raise SettingsError(f"power is {power}; expected 1 or 2")
        in_range("smooth", smooth, 0)
        self.power = power
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `dice` of each group and class, ``(G, K)``."""
        return dice(
            target, probability, weight, power=self.power, smooth=self.smooth, pool=self.pool
        )
