"""Cross-entropy with larger weights near the borders between classes."""

from __future__ import annotations

import math
from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.cross_entropy import cross_entropy
from tilesegm.losses.edt import squared_distance_to
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.morphology import contour
from tilesegm.losses.tensors import Tensor

__all__ = ["BorderWeighted", "distance_weights"]

_NEGLIGIBLE = 1e-4


def distance_weights(
    classes: Tensor, weight: Tensor, *, w0: float = 10.0, sigma: float = 5.0
) -> Tensor:
    """Return ``1 + w0 * exp(-d² / (2 sigma²))``, with d the distance to the nearest border.

    d is 0 for the pixels on either side of a border. It is clipped at the distance where the second
    term falls below 1e-4. In a tile without borders every weight is 1.

    Args:
        classes: ``(N, H, W, C)`` fractions of the classes.
        weight: ``(N, H, W)`` pixel weights; pixels without weight have no borders.
        w0: additional weight on a border.
        sigma: width of the Gaussian in pixels.

    Returns:
        ``(N, H, W)``, float32.
    """
    if w0 <= _NEGLIGIBLE:
        return ops.ones_like(weight)
    reach = sigma * math.sqrt(2.0 * math.log(w0 / _NEGLIGIBLE))
    borders = contour(classes, weight)
    ridge = w0 * ops.exp(-squared_distance_to(borders, reach) / (2.0 * sigma**2))
    return 1.0 + ops.where(ops.any(borders, axis=(1, 2), keepdims=True), ridge, 0.0)


@keras.saving.register_keras_serializable(package="tilesegm")
class BorderWeighted(SegmentationLoss):
    """Cross-entropy with weights ``1 + w0 * exp(-d² / (2 sigma²))``, d the distance to a border.

    The weights are computed from ``y_true`` inside the graph, so augmentation and tiling need no
    preparation. The loss equals ``CrossEntropy()`` with `distance_weights` as sample weights;
    a ``sample_weight`` of its own multiplies them. The weight maps of the U-Net papers depend on
    the gap between *objects* and need instance ids: compute them by `tilesegm.data.border_weights`
    and pass them as ``sample_weight`` to ``CrossEntropy()``.

    Args:
        w0: additional weight on a border; a border pixel counts ``1 + w0`` times.
        sigma: width of the Gaussian in pixels.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, w0: float = 10.0, sigma: float = 5.0, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        in_range("w0", w0, 0)
        in_range("sigma", sigma, 0, ends="(]", what="pixels")
        self.w0 = w0
        self.sigma = sigma

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the cross-entropy under `distance_weights` of the labels."""
        near = distance_weights(batch.classes, batch.weight, w0=self.w0, sigma=self.sigma)
        return cross_entropy(batch.classes, batch.log_probability, batch.weight * near)
