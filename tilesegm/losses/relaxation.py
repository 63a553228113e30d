"""Boundary label relaxation: near a border, each of the classes there is accepted."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["BoundaryRelaxation", "boundary_relaxation"]

_NEVER = -1e9


def boundary_relaxation(
    target: Tensor, log_probability: Tensor, weight: Tensor, *, radius: int = 1
) -> Tensor:
    """Return the weighted mean of ``-log sum_{c in N} p_c``, a scalar.

    N are the classes that occur within ``radius`` (a square window) of the pixel. If only its own
    class does, this is cross-entropy.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes; a class occurs where its fraction is
            above 0.
        log_probability: ``(N, H, W, C)`` logarithms of the predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        radius: half-width of the window in pixels.
    """
    side = 2 * radius + 1
    near = ops.max_pool(target, side, strides=1, padding="same", data_format="channels_last")
    allowed = ops.where(near > 0.0, log_probability, _NEVER)
    return weighted_mean(-ops.logsumexp(allowed, axis=-1), weight)


@keras.saving.register_keras_serializable(package="tilesegm")
class BoundaryRelaxation(SegmentationLoss):
    """Cross-entropy that accepts any class near a border (Zhu et al. 2019, CVPR).

    ``-log sum_{c in N} p_c``, with N the classes within ``radius`` of the pixel. For labels whose
    borders are a pixel or two off. It does not sharpen borders: a pixel between two classes has no
    gradient once both together have all of the probability.

    Args:
        radius: half-width of the window in pixels; 1 is the 3 x 3 window of the paper.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.

    Raises:
        SettingsError: ``radius`` is below 1.
    """

    def __init__(self, *, radius: int = 1, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        if radius < 1:
            raise SettingsError(f"radius is {radius}; expected at least 1 pixel")
        self.radius = radius

    def compute(self, batch: LossInputs) -> Tensor:
        """Return `boundary_relaxation` of the batch."""
        return boundary_relaxation(
            batch.classes, batch.log_probability, batch.weight, radius=self.radius
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "radius": self.radius}
