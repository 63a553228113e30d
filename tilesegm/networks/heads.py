"""Scores from maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

__all__ = ["score"]


def score(maps: Sequence[Any], classes: int) -> list[Any]:
    """Return float32 logits ``(N, h, w, classes)`` of each map, by a 1 x 1 convolution.

    The first is named ``"logits"``, those after it ``"logits1"``, ``"logits2"`` ...
    """
    # Logits in float32 whatever the precision inside: a softmax of bfloat16 is too coarse.
    return [
        keras.layers.Conv2D(classes, 1, dtype="float32", name=f"logits{index or ''}")(x)
        for index, x in enumerate(maps)
    ]
