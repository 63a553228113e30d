"""Cross-entropy, the usual loss of segmentation networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["CrossEntropy", "class_weight_map", "cross_entropy", "pixel_cross_entropy"]


def pixel_cross_entropy(target: Tensor, log_probability: Tensor) -> Tensor:
    """Return ``-sum_c t_c log p_c`` of each pixel, ``(N, H, W)``.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes.
        log_probability: ``(N, H, W, C)`` logarithms of the predicted probabilities.
    """
    return -ops.sum(target * log_probability, axis=-1)


def class_weight_map(target: Tensor, class_weights: Sequence[float]) -> Tensor:
    """Return the weight of the class of each pixel, ``(N, H, W)``.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes.
        class_weights: one weight per class, C in all.

    Raises:
        SettingsError: there are more or fewer weights than classes.
    """
    channels = int(target.shape[-1])
    if len(class_weights) != channels:
        raise SettingsError(
            f"class_weights has {len(class_weights)} numbers for {channels} classes;"
            " pass one per class, background first (two for a binary problem)"
        )
    return ops.sum(target * ops.convert_to_tensor(class_weights, dtype="float32"), axis=-1)


def cross_entropy(
    target: Tensor,
    log_probability: Tensor,
    weight: Tensor,
    *,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the weighted mean of ``-sum_c t_c log p_c``, a scalar.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes.
        log_probability: ``(N, H, W, C)`` logarithms of the predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        class_weights: one weight per class; 2 counts every pixel of that class twice, so the mean
            is also divided by these weights.
        label_smoothing: e in ``t' = (1 - e) t + e / C`` (Szegedy et al. 2016). Class weights are
            those of ``t``, not of ``t'``.
    """
    if class_weights is not None:
        weight = weight * class_weight_map(target, class_weights)
    if label_smoothing:
        target = (1.0 - label_smoothing) * target + label_smoothing / int(target.shape[-1])
    return weighted_mean(pixel_cross_entropy(target, log_probability), weight)


@keras.saving.register_keras_serializable(package="tilesegm")
class CrossEntropy(SegmentationLoss):
    """Cross-entropy ``-sum_c t_c log p_c`` for binary, categorical and sparse labels alike.

    Every pixel counts, so a wrong pixel on an empty tile has the gradient ``p / sum(w)``. But a
    class with few pixels has little influence, unless it gets a larger weight by ``class_weights``.

    Example:
        >>> labels = [[[0, 1]]]  # one image of 1 x 2 pixels
        >>> logits = [[[[2.0, 0.0], [1.0, 0.0]]]]  # of two classes
        >>> round(float(CrossEntropy()(labels, logits)), 3)
        0.72
        >>> round(float(CrossEntropy(class_weights=[1.0, 3.0])(labels, logits)), 3)
        1.017
        >>> round(float(CrossEntropy(ignore=1)(labels, logits)), 3)  # log(1 + exp(-2))
        0.127

    Args:
        class_weights: one weight per class, background first; see `class_balanced_weights`.
        label_smoothing: fraction of each label, in ``[0, 1)``, that is spread over all classes.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(
        self,
        *,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        in_range("label_smoothing", label_smoothing, 0, 1, "[)")
        if class_weights is not None and min(class_weights, default=-1.0) < 0.0:
            raise SettingsError(f"class_weights is {class_weights}; expected numbers >= 0")
        self.class_weights = None if class_weights is None else [float(w) for w in class_weights]
        self.label_smoothing = label_smoothing

    def compute(self, batch: LossInputs) -> Tensor:
        """Return `cross_entropy` of the batch."""
        return cross_entropy(
            batch.classes,
            batch.log_probability,
            batch.weight,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
        )
