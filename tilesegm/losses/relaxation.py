"""Boundary label relaxation: near a border, each of the classes there is accepted."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["BoundaryRelaxation"]

_NEVER = -1e9


@keras.saving.register_keras_serializable(package="tilesegm")
class BoundaryRelaxation(SegmentationLoss):
    """Cross-entropy that accepts any class near a border (Zhu et al. 2019, CVPR).

    ``-log sum_{c in N} p_c``, with N the classes within ``radius`` of the pixel, whose fraction is
    above 0 there; with its own class alone this is cross-entropy. For labels whose
    borders are a pixel or two off. It does not sharpen borders: a pixel between two classes has no
    gradient once both together have all of the probability.

    Args:
        radius: half-width of the window in pixels; 1 is the 3 x 3 window of the paper.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, radius: int = 1, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        in_range("radius", radius, 1, what="pixels")
        self.radius = radius

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of ``-log sum_{c in N} p_c``."""
        side = 2 * self.radius + 1
        near = ops.max_pool(
            batch.classes, side, strides=1, padding="same", data_format="channels_last"
        )
        allowed = ops.where(near > 0.0, batch.log_probability, _NEVER)
        return weighted_mean(-ops.logsumexp(allowed, axis=-1), batch.weight)
