"""Active boundary loss: each pixel of a predicted border gets a direction to move in."""

from __future__ import annotations

import math
from typing import ClassVar, Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.edt import squared_distance_to
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.morphology import contour, dilate
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor, sides

__all__ = ["ActiveBoundary", "predicted_border"]

_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
_NEVER = -1e9
_FAR = 1e9


def predicted_border(log_probability: Tensor, weight: Tensor, *, fraction: float = 0.01) -> Tensor:
    """Return the pixels where the prediction changes most, dilated to a width of 3 pixels.

    Args:
        log_probability: ``(N, H, W, C)`` logarithms of the predicted probabilities.
        weight: ``(N, H, W)``; pixels without weight are not neighbours.
        fraction: fraction of the pixels of each image to take before the dilation: those with the
            largest divergence from the pixels below and to the right.

    Returns:
        Boolean ``(N, H, W)``. No gradient passes.
    """
    log_probability = ops.stop_gradient(log_probability)
    valid = weight > 0
    change = ops.zeros_like(weight)
    for step in ((1, 0), (0, 1)):
        both = ops.logical_and(valid, _shift(ops.cast(valid, "float32"), step, 0.0) > 0.0)
        contrast = _divergence(_shift(log_probability, step, 0.0), log_probability)
        change = change + ops.where(both, contrast, 0.0)
    H, W = sides(weight)
    count = max(1, math.ceil(fraction * H * W))
    least = ops.top_k(ops.reshape(change, (-1, H * W)), count)[0][:, -1]
    strong = ops.logical_and(change >= ops.reshape(least, (-1, 1, 1)), change > 1e-6)
    thick = dilate(ops.cast(strong, "float32")[..., None], valid[..., None])
    return thick[..., 0] > 0.0


def _divergence(log_other: Tensor, log_own: Tensor) -> Tensor:
    """Return ``KL(other || own)`` over the last axis."""
    return ops.sum(ops.exp(log_other) * (log_other - log_own), axis=-1)


def _shift(maps: Tensor, step: tuple[int, int], fill: float) -> Tensor:
    """Return for each pixel the value ``step`` rows and columns away; ``fill`` beyond the edge."""
    H, W = sides(maps)
    rest = ((0, 0),) * (len(maps.shape) - 3)
    padded = ops.pad(maps, ((0, 0), (1, 1), (1, 1), *rest), constant_values=fill)
    return padded[:, 1 + step[0] : 1 + step[0] + H, 1 + step[1] : 1 + step[1] + W]


@keras.saving.register_keras_serializable(package="tilesegm")
class ActiveBoundary(SegmentationLoss):
    """Active boundary loss (Wang et al. 2022, AAAI), in a form with static shapes.

    For a pixel on the predicted border, ``KL(p_j || p)`` over its eight neighbours j are the logits
    of a direction to move in. The label is the neighbour nearest to the true contour; the factor is
    ``min(d, theta) / theta`` with d the distance to that contour. No gradient passes through the
    probabilities of neighbours. Weights act in the mean, not in the choice of predicted borders,
    except that pixels without weight are never borders.

    It corrects borders that exist already: add it to cross-entropy late in training, with a small
    weight. On images without a true border it is 0, with zero gradient.

    Args:
        theta: distance in pixels beyond which a misplaced border counts fully.
        fraction: greatest fraction of the pixels of an image on predicted borders; see
            `predicted_border`.
        label_smoothing: label smoothing of the directions, in ``[0, 1)``.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    earlier_names: ClassVar = {"reach": "theta", "smoothing": "label_smoothing"}

    def __init__(
        self,
        *,
        theta: float = 20.0,
        fraction: float = 0.01,
        label_smoothing: float = 0.2,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        in_range("theta", theta, 0, ends="(]", what="pixels")
        in_range("fraction", fraction, 0, 1, "(]")
        in_range("label_smoothing", label_smoothing, 0, 1, "[)")
        self.theta = theta
        self.fraction = fraction
        self.label_smoothing = label_smoothing

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the mean cross-entropy of the directions of predicted borders."""
        # Computed for all pixels and then masked, so shapes stay static.
        log_probability, weight = batch.log_probability, batch.weight
        valid = weight > 0
        edge = contour(batch.classes, weight)
        squared = squared_distance_to(edge)
        inside = [_shift(ops.cast(valid, "float32"), step, 0.0) > 0.0 for step in _AROUND]
        ahead = [
            ops.where(present, _shift(squared, step, _FAR), _FAR)
            for present, step in zip(inside, _AROUND, strict=True)
        ]
        allowed = ops.cast(ops.stack(inside, axis=-1), "float32")
        direction = ops.one_hot(ops.argmin(ops.stack(ahead, axis=-1), axis=-1), 8, dtype="float32")
        spread = allowed / ops.maximum(ops.sum(allowed, axis=-1, keepdims=True), 1.0)
        label = (1.0 - self.label_smoothing) * direction + self.label_smoothing * spread

        lent = ops.stop_gradient(log_probability)
        contrast = [_divergence(_shift(lent, step, 0.0), log_probability) for step in _AROUND]
        logits = ops.where(allowed > 0.0, ops.stack(contrast, axis=-1), _NEVER)
        likelihood = ops.where(allowed > 0.0, ops.log_softmax(logits, axis=-1), 0.0)
        loss = -ops.sum(label * likelihood, axis=-1)

        factor = ops.minimum(ops.sqrt(squared), self.theta) / self.theta
        border = predicted_border(log_probability, weight, fraction=self.fraction)
        counts = ops.logical_and(border, ops.any(edge, axis=(1, 2), keepdims=True))
        return weighted_mean(factor * loss, weight * ops.cast(counts, "float32"))
