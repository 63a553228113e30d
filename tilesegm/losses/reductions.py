"""Weighted means that stay finite when nothing is left to average."""

from __future__ import annotations

from keras import ops

from tilesegm.losses.targets import Tensor

__all__ = ["divide", "weighted_mean"]


def divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return ``numerator / denominator``, with 0 and zero gradient where the denominator is 0."""
    some = denominator != 0
    return ops.where(some, numerator / ops.where(some, denominator, 1.0), 0.0)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return ``sum(weight * values) / sum(weight)``, or 0 where nothing has weight.

    Args:
        values: Values of any shape, float32.
        weight: Weights of the same shape, not negative.
    """
    return divide(ops.sum(weight * values), ops.sum(weight))
