"""Hausdorff distance loss: errors weighted by their distance to a boundary."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.boundary import check_radius, length_unit
from tilesegm.losses.edt import bounded, parts, squared_distance_to
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["HausdorffDT", "boundary_field"]


def boundary_field(
    mask: Tensor, valid: Tensor, *, alpha: float = 2.0, radius: float | None = None
) -> Tensor:
    """Return the distance of each pixel to the other side of the mask's boundary, to a power.

    Args:
        mask: boolean ``(N, H, W, K)``.
        valid: boolean that broadcasts to the mask; other pixels belong to neither side.
        alpha: power of the distance.
        radius: distance in pixels at which distances are clipped.

    Returns:
        ``d ** alpha`` in pixels; 0 if the mask is empty or full and so has no boundary.
    """
    mask, rest = parts(mask, valid)
    squared = ops.where(mask, squared_distance_to(rest, radius), squared_distance_to(mask, radius))
    field = squared if alpha == 2.0 else squared ** (alpha / 2.0)
    return ops.where(bounded(mask, rest), field, 0.0)


@keras.saving.register_keras_serializable(package="tilesegm")
class HausdorffDT(SegmentationLoss):
    """Hausdorff distance loss by distance transforms (Karimi and Salcudean 2019, IEEE TMI).

    The mean of ``(p - g)² (d_g^alpha + d_p^alpha)``, with the distances d to the true and to the
    predicted boundary (of p > 0.5), through which no gradient passes: a single pixel far outside
    costs more than many on a border that is a pixel off. With ``normalise`` it lies in [0, 2]
    whatever the size of tiles; it is small if errors are near a boundary compared with ``radius``,
    so pass a radius or a larger weight.

    A class without a boundary in an image, because it is absent or fills the image, has d = 0. If
    truth and prediction both have no boundary there is neither loss nor gradient, right or wrong:
    add another loss, such as cross-entropy.

    Args:
        alpha: power of the distances, above 0; the paper found 2 best.
        radius: distance in pixels at which distances are clipped, which also bounds the work.
        normalise: whether to divide distances by ``radius``, or without a radius by the diagonal
            of the tile. False gives powers of pixels, as in the paper.
        one_sided: whether to use only the distance to the true boundary: cheaper, but blind to
            errors far inside the predicted mask.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(
        self,
        *,
        alpha: float = 2.0,
        radius: float | None = None,
        normalise: bool = True,
        one_sided: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        check_radius(radius)
        in_range("alpha", alpha, 0, ends="(]", what="a power")
        self.alpha = alpha
        self.radius = radius
        self.normalise = normalise
        self.one_sided = one_sided

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of ``(p - g)² (d_g^alpha + d_p^alpha)``."""
        valid = (batch.weight > 0)[..., None]
        field = boundary_field(batch.target > 0.5, valid, alpha=self.alpha, radius=self.radius)
        if not self.one_sided:
            predicted = batch.probability > 0.5
            field = field + boundary_field(predicted, valid, alpha=self.alpha, radius=self.radius)
        pixels = ops.mean(ops.square(batch.probability - batch.target) * field, axis=-1)
        unit = length_unit(batch.target, self.radius) if self.normalise else 1.0
        return weighted_mean(pixels, batch.weight) / unit**self.alpha
