"""Quotients and weighted means that stay finite if the denominator is 0."""

from __future__ import annotations

from keras import ops

from tilesegm.losses.tensors import Tensor

__all__ = ["divide", "shortfall", "weighted_mean"]


def divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return ``numerator / denominator``, with 0 and zero gradient where the denominator is 0."""
    some = denominator != 0
    return ops.where(some, numerator / ops.where(some, denominator, 1.0), 0.0)


def shortfall(part: Tensor, whole: Tensor) -> Tensor:
    """Return ``1 - part / whole``, or 0 where ``whole`` is 0.

    ``(whole - part) / whole`` is equal, but for a tiny ``part`` its gradient is the difference of
    two numbers that are rounded to the same value.
    """
    return ops.where(whole != 0, 1.0 - divide(part, whole), 0.0)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return ``sum(weight * values) / sum(weight)``, or 0 if all weights are 0.

    Args:
        values: values of any shape, float32.
        weight: weights of the same shape, not negative.
    """
    return divide(ops.sum(weight * values), ops.sum(weight))
