"""Means over an epoch of several numbers that are logged together."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from tilesegm.losses.tensors import Tensor

__all__ = ["Trajectory"]


class Trajectory(keras.metrics.Metric):  # type: ignore[misc]
    """Mean of a vector over an epoch, logged as one number per entry, such as ``weight_dice``.

    Args:
        prefix: beginning of the names in the logs.
        names: ends of the names, one per entry.
    """

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        super().__init__(name=f"{prefix}_trajectory", dtype="float32")
        self.keys = [f"{prefix}_{name}" for name in names]
        self.total = self.add_weight(name="total", shape=(len(names),), initializer="zeros")
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, values: Tensor, sample_weight: Tensor) -> None:
        """Add the ``(T,)`` values of a batch, weighted by its size."""
        size = ops.cast(sample_weight, "float32")
        self.total.assign_add(size * values)
        self.count.assign_add(size)

    def result(self) -> dict[str, Tensor]:
        """Return the means by name."""
        means = self.total / ops.maximum(self.count, 1.0)
        return {key: means[index] for index, key in enumerate(self.keys)}
