"""True and predicted class ids of a batch, and how often ids occur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from tilesegm.errors import InputError
from tilesegm.losses.inputs import LossInputs

__all__ = ["LabelPair", "histogram", "pair_of"]


@dataclass(frozen=True)
class LabelPair:
    """Class ids of a batch, ``(N, H, W)`` each."""

    truth: Any
    """int32 ids; 0 where nothing is known."""
    predicted: Any
    """int32 ids; the number of classes where the scores are NaN, which is never right."""
    known: Any
    """bool, whether a pixel is counted."""


def pair_of(inputs: LossInputs, classes: int) -> LabelPair:
    """Decide the class of each pixel: of the highest score, the first of equals, as `predict` does.

    Raises:
        InputError: there are scores of another number of classes.
    """
    channels = inputs.channels
    if channels != classes and (channels, classes) != (1, 2):
        raise InputError(
            f"y_pred has {channels} channels and the metric {classes} classes; make it with "
            f"classes={max(channels, 2)}"
        )
    lost = ops.any(ops.isnan(inputs.scores), axis=-1)
    if channels == 1:
        truth = inputs.target[..., 0] > 0.5
        predicted = inputs.scores[..., 0] > (0.0 if inputs.from_logits else 0.5)
    else:
        truth, predicted = (ops.argmax(x, axis=-1) for x in (inputs.target, inputs.scores))
    return LabelPair(
        ops.cast(truth, "int32"),
        ops.where(lost, classes, ops.cast(predicted, "int32")),
        inputs.weight > 0,
    )


def histogram(numbers: Any, known: Any, size: int) -> Any:
    """Count how often each number below ``size`` occurs where it is known, ``(size,)`` int32."""
    numbers = ops.reshape(ops.where(known & (numbers < size), numbers, size), (-1,))
    if keras.backend.backend() == "torch":
        # The sums of segments in Keras go through float32 there, which ends at 2^24.
        import torch

        counts = torch.bincount(numbers, minlength=size + 1)
    else:
        counts = ops.segment_sum(ops.ones_like(numbers), numbers, num_segments=size + 1)
    return ops.cast(counts[:size], "int32")
