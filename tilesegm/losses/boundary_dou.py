"""Boundary difference over union: Jaccard that counts the interior of large objects less."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.morphology import dilate_cross
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import Pool, RegionLoss, RegionOptions, pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["BoundaryDoU", "boundary_dou"]


def boundary_dou(
    target: Tensor,
    probability: Tensor,
    weight: Tensor,
    *,
    limit: float = 0.8,
    smooth: float = 1e-5,
    pool: Pool = "batch",
) -> Tensor:
    """Return ``(p² + g² - 2 pg) / (p² + g² - (1 + a) pg)``, summed over pixels, for each class.

    ``a = min(1 - 2 C / S, limit)``, with S the number of pixels of the class and C the number of
    pixels on its boundary: the larger the object, the less its interior counts. Edges of the tile
    and of ignored regions are not boundaries.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes; for S and C a pixel belongs to a class
            if its fraction is above 1/2.
        probability: ``(N, H, W, K)``.
        weight: ``(N, H, W)`` pixel weights.
        limit: upper bound of a, below 1.
        smooth: added to the denominator, in pixels.
        pool: over the whole batch or over each image.

    Returns:
        ``(G, K)`` losses in [0, 1], with G = 1 for the batch and N for images.
    """
    valid = (weight > 0)[..., None]
    mask = ops.cast(ops.logical_and(target > 0.5, valid), "float32")
    rim = mask * dilate_cross(1.0 - mask, valid)
    share = divide(pixel_sum(rim, weight, pool), pixel_sum(mask, weight, pool))
    a = ops.minimum(1.0 - 2.0 * share, limit)
    apart = pixel_sum(ops.square(probability - target), weight, pool)
    shared = pixel_sum(probability * target, weight, pool)
    return divide(apart, apart + (1.0 - a) * shared + smooth)


@keras.saving.register_keras_serializable(package="tilesegm")
class BoundaryDoU(RegionLoss):
    """Boundary difference-over-union loss (Sun et al. 2023, MICCAI).

    ``(p² + g² - 2 pg) / (p² + g² - (1 + a) pg)``, see `boundary_dou`. It sharpens borders without a
    distance transform, at the cost of Dice. Its strength depends only on the size of the objects,
    so it has nothing to tune and needs no schedule.

    Args:
        limit: upper bound of a, in [0, 1); 0.8 in the paper. 0 would give Jaccard with squares.
        smooth: added to the denominator, in pixels.
        **region: ``pool``, ``absent``, ``background`` as for every `RegionLoss`; ``from_logits``,
            ``ignore``, ``name``.

    Raises:
        SettingsError: an argument is out of range.
    """

    def __init__(
        self, *, limit: float = 0.8, smooth: float = 1e-5, **region: Unpack[RegionOptions]
    ) -> None:
        super().__init__(**region)
        if not 0.0 <= limit < 1.0 or smooth < 0.0:
            raise SettingsError(
                f"limit is {limit} and smooth {smooth}; expected 0 <= limit < 1 and smooth >= 0"
            )
        self.limit = limit
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `boundary_dou` of each group and class, ``(G, K)``."""
        return boundary_dou(
            target, probability, weight, limit=self.limit, smooth=self.smooth, pool=self.pool
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "limit": self.limit, "smooth": self.smooth}
