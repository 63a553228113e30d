"""Means over an epoch of several numbers that are logged together."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from tilesegm.losses.tensors import Tensor

__all__ = ["Trajectory"]


class Trajectory(keras.metrics.Metric):  # type: ignore[misc]
    """Mean over an epoch of a vector, logged as one number an entry: ``weight_dice`` and so on.

    Args:
        prefix: Beginning of the names in the logs.
        names: Ends of them, one an entry.
    """

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        super().__init__(name=f"{prefix}_trajectory", dtype="float32")
        self.keys = [f"{prefix}_{name}" for name in names]
        self.total = self.add_weight(name="total", shape=(len(names),), initializer="zeros")
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, values: Tensor, sample_weight: Tensor) -> None:
        """Add the ``(T,)`` values of a batch, with its size as their weight."""
        size = ops.cast(sample_weight, "float32")
        self.total.assign_add(size * values)
        self.count.assign_add(size)

    def result(self) -> dict[str, Tensor]:
        """Return the means by name."""
        means = self.total / ops.maximum(self.count, 1.0)
        return {key: means[index] for index, key in enumerate(self.keys)}
