"""Boundary difference over union: Jaccard that counts the interior of large objects less."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.morphology import dilate_cross
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import RegionLoss, RegionOptions, pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["BoundaryDoU"]


@keras.saving.register_keras_serializable(package="tilesegm")
class BoundaryDoU(RegionLoss):
    """Boundary difference-over-union loss (Sun et al. 2023, MICCAI).

    ``(p² + g² - 2 pg) / (p² + g² - (1 + a) pg)``, summed over pixels, with
    ``a = min(1 - 2 C / S, limit)``, S the number of pixels of the class and C the number of pixels
    on its boundary: the larger the object, the less its interior counts. Edges of the tile and of
    ignored regions are not boundaries; for S and C a pixel belongs to a class if its fraction is
    above 1/2. It sharpens borders without a distance transform, at the cost of Dice. Its strength
    depends only on the size of the objects, so it has nothing to tune and needs no schedule.

    Args:
        limit: upper bound of a, in [0, 1); 0.8 in the paper. 0 would give Jaccard with squares.
        smooth: added to the denominator, in pixels.
        **region: the arguments of every `RegionLoss`.
    """

    def __init__(
        self, *, limit: float = 0.8, smooth: float = 1e-5, **region: Unpack[RegionOptions]
    ) -> None:
        super().__init__(**region)
        in_range("limit", limit, 0, 1, "[)")
        in_range("smooth", smooth, 0)
        self.limit = limit
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the loss of each group and class, ``(G, K)``, in [0, 1]."""
        valid = (weight > 0)[..., None]
        mask = ops.cast(ops.logical_and(target > 0.5, valid), "float32")
        rim = mask * dilate_cross(1.0 - mask, valid)
        share = divide(pixel_sum(rim, weight, self.pool), pixel_sum(mask, weight, self.pool))
        a = ops.minimum(1.0 - 2.0 * share, self.limit)
        apart = pixel_sum(ops.square(probability - target), weight, self.pool)
        shared = pixel_sum(probability * target, weight, self.pool)
        return divide(apart, apart + (1.0 - a) * shared + self.smooth)
