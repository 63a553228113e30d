"""Boundary loss: probability times its signed distance to the true boundary."""

from __future__ import annotations

import math
from typing import Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.edt import signed_distance
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor, sides

__all__ = ["Boundary", "check_radius", "length_unit"]


def length_unit(maps: Tensor, radius: float | None) -> float:
    """Return the greatest distance possible: the radius, or the diagonal of ``(N, H, W, K)``."""
    diagonal = math.hypot(*sides(maps))
    return diagonal if radius is None else min(float(radius), diagonal)


def check_radius(radius: float | None) -> None:
    """Refuse a radius that is not above 0.

    Raises:
        SettingsError: ``radius`` is not above 0.
    """
    if radius is not None and not radius > 0.0:
        raise SettingsError(f"radius is {radius}; expected pixels above 0, or None for no limit")


@keras.saving.register_keras_serializable(package="tilesegm")
class Boundary(SegmentationLoss):
    """Boundary loss, the mean of ``phi * p`` (Kervadec et al. 2019, MIDL).

    ``phi`` is the signed distance to the true boundary (`signed_distance`; a pixel belongs to a
    class if its fraction is above 1/2), and the gradient of the loss with respect
    to p: it pulls probability back to the true object from far away, on an almost empty tile as
    strongly as on a full one. The loss is **negative** for good predictions. Add a region loss,
    Dice or cross-entropy, and let the weight of the boundary loss grow over the epochs.

    A class that is absent from an image, or that fills it, has no boundary there: ``phi`` is 0 and
    so is the gradient. Only the region loss corrects such images.

    Args:
        radius: distance in pixels at which ``phi`` is clipped: pixels further away all count the
            same, and the loss does not grow with the tile. None for exact distances, as in the
            paper.
        normalise: whether to divide ``phi`` by ``radius``, or without a radius by the diagonal of
            the tile. False leaves pixels as the unit, as in the paper.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    minimum = -math.inf

    def __init__(
        self, *, radius: float | None = None, normalise: bool = True, **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        check_radius(radius)
        self.radius = radius
        self.normalise = normalise

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean of ``phi * p`` over pixels and classes."""
        phi = signed_distance(batch.target > 0.5, (batch.weight > 0)[..., None], self.radius)
        if self.normalise:
            phi = phi / length_unit(batch.target, self.radius)
        return weighted_mean(ops.mean(phi * batch.probability, axis=-1), batch.weight)
