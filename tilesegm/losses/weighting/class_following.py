"""Class weights that follow counts which come from outside, such as those of a validation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.class_adaptive import ClassAdaptive

__all__ = ["ClassFollowing"]


@keras.saving.register_keras_serializable(package="tilesegm")
class ClassFollowing(ClassAdaptive):
    """`ClassAdaptive` whose confusion matrix is not that of the training batches.

    Call `observe` between two epochs, for example with the counts of a validation. Until then all
    classes weigh 1. What was observed is a variable of the model that holds this layer, so it is
    saved with it.

    Args:
        classes: number of classes C, 2 for a binary problem.
        momentum: fraction of the running confusion matrix that `observe` keeps, below 1.
        **arguments: ``score``, ``ratio`` and the arguments of the layer, as for `ClassAdaptive`.
    """

    def __init__(self, classes: int, *, momentum: float = 0.5, **arguments: Any) -> None:
        super().__init__(classes, momentum=momentum, **arguments)

    def observe(self, counts: ArrayLike) -> None:
        """Take in counts of pixels; without any pixel nothing changes.

        Args:
            counts: ``(C, C)`` pixels by true class (rows) and predicted class (columns).
        """
        found = np.asarray(counts, np.float64)
        # Divided before float32, which is exact up to 2^24 pixels alone.
        self._update((found / max(found.sum(), 1.0)).astype("float32"))

    def weigh(self, batch: LossInputs, training: bool) -> Tensor:
        """Return the weight of each pixel; a batch changes nothing."""
        return super().weigh(batch, training=False)
