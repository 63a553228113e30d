"""The gradient of a scalar function of one tensor, on whichever backend is active."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from tilesegm.losses.targets import Tensor

__all__ = ["value_and_gradient"]

Scalar: TypeAlias = Callable[[Tensor], Tensor]


def value_and_gradient(
    function: Scalar, at: ArrayLike, *, compiled: bool = False
) -> tuple[float, NDArray[np.float32]]:
    """Return value and gradient of ``function`` at one point.

    Args:
        function: Maps a tensor to a scalar, by ``keras.ops``.
        at: Where, an array of any float dtype; the function sees that dtype.
        compiled: Whether XLA compiles it first (``jax.jit``, ``tf.function(jit_compile=True)``);
            Torch has no such step and stays eager.

    Returns:
        The value, and the gradient in the shape of ``at`` as float32.
    """
    point = ops.convert_to_tensor(at)
    value, gradient = _DIFFERENTIATE[keras.backend.backend()](function, point, compiled)
    return float(value), ops.convert_to_numpy(ops.cast(gradient, "float32"))


def _tensorflow(function: Scalar, point: Any, compiled: bool) -> tuple[Any, Any]:
    import tensorflow as tf

    def both(x: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x, unconnected_gradients="zero")

    return (tf.function(both, jit_compile=True) if compiled else both)(point)  # type: ignore[no-any-return]


def _jax(function: Scalar, point: Any, compiled: bool) -> tuple[Any, Any]:
    import jax

    both = jax.value_and_grad(function)
    return (jax.jit(both) if compiled else both)(point)  # type: ignore[no-any-return]


def _torch(function: Scalar, point: Any, compiled: bool) -> tuple[Any, Any]:
    import torch

    x = point.detach().requires_grad_()
    value = function(x)
    if not value.requires_grad:
        return value.detach(), torch.zeros_like(x)
    (gradient,) = torch.autograd.grad(value, x, allow_unused=True)
    return value.detach(), torch.zeros_like(x) if gradient is None else gradient


_DIFFERENTIATE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
