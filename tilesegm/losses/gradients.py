"""Value and gradient of a scalar function of one tensor, on the active backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from tilesegm.losses.tensors import Tensor, for_backend

__all__ = ["Differentiated", "differentiate"]

Differentiated: TypeAlias = Callable[[ArrayLike], tuple[float, NDArray[np.float32]]]
"""Maps an array to the value and to the gradient, which is float32 of the same shape."""


def differentiate(
    function: Callable[[Tensor], Tensor], *, compiled: bool = False
) -> Differentiated:
    """Return a function that computes value and gradient of ``function`` at a point.

    Args:
        function: maps a tensor, in the dtype of the point, to a scalar, by ``keras.ops``.
        compiled: whether XLA compiles it at the first call with each shape (``jax.jit``,
            ``tf.function(jit_compile=True)``); Torch stays eager.
    """
    both = for_backend(tensorflow=_tensorflow, jax=_jax, torch=_torch)(function, compiled)

    def at(point: ArrayLike) -> tuple[float, NDArray[np.float32]]:
        value, gradient = both(ops.convert_to_tensor(point))
        return float(value), ops.convert_to_numpy(ops.cast(gradient, "float32"))

    return at


def _tensorflow(function: Callable[[Any], Any], compiled: bool) -> Callable[[Any], Any]:
    import tensorflow as tf

    def both(x: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x, unconnected_gradients="zero")

    graph: Callable[[Any], Any] = tf.function(both, jit_compile=True, autograph=False)
    return graph if compiled else both


def _jax(function: Callable[[Any], Any], compiled: bool) -> Callable[[Any], Any]:
    import jax

    both: Callable[[Any], Any] = jax.value_and_grad(function)
    jitted: Callable[[Any], Any] = jax.jit(both)
    return jitted if compiled else both


def _torch(function: Callable[[Any], Any], _: bool) -> Callable[[Any], Any]:
    import torch

    def both(point: Any) -> tuple[Any, Any]:
        x = point.detach().requires_grad_()
        value = function(x)
        if not value.requires_grad:
            return value, torch.zeros_like(x)
        (gradient,) = torch.autograd.grad(value, x, materialize_grads=True)
        return value.detach(), gradient

    return both
