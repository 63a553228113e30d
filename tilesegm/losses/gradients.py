"""Values and gradients of functions of tensors, on the active backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from tilesegm.losses.tensors import Tensor, for_backend

__all__ = ["Differentiated", "differentiate", "gradient_norms"]

Evaluate: TypeAlias = Callable[[list[Tensor]], Tensor]
"""From weights to ``(T,)`` values."""

Gradients: TypeAlias = tuple[Tensor, list[Sequence[Tensor | None]]]
"""``(T,)`` values, and for each of them the gradient with respect to each weight; a gradient is
None if the value does not depend on the weight."""

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

    def both(point: Tensor) -> tuple[Tensor, Tensor]:
        values, [[gradient]] = _gradients(lambda weights: function(weights[0])[None], [point])
        gradient = ops.zeros_like(point) if gradient is None else gradient
        return values[0], ops.cast(gradient, "float32")

    compute = _compiled(both) if compiled else both

    def at(point: ArrayLike) -> tuple[float, NDArray[np.float32]]:
        value, gradient = compute(ops.convert_to_tensor(point))
        return float(value), ops.convert_to_numpy(gradient)

    return at


def gradient_norms(
    values: Callable[[], Tensor],
    variables: Sequence[Any],
    state: Sequence[tuple[Any, Tensor]] = (),
) -> tuple[Tensor, Tensor]:
    """Return T values and the norms of their gradients with respect to all variables together.

    Norms are Euclidean. Side effects of ``values`` on variables, such as the moving averages of
    batch normalisation, are dropped.

    Args:
        values: computes ``(T,)`` values; called once.
        variables: Keras variables that the values depend on.
        state: variables and their values. It must contain everything that ``values`` reads if the
            state is kept outside of the variables, as in a training step on JAX.

    Returns:
        The values and their norms, both float32 ``(T,)`` without gradient.
    """

    def evaluate(weights: list[Tensor]) -> Tensor:
        mapping = [*state, *zip(variables, weights, strict=True)]
        with keras.StatelessScope(state_mapping=mapping):
            return values()

    result, gradients = _gradients(evaluate, [variable.value for variable in variables])
    return ops.stop_gradient(result), ops.stack([_norm(gradient) for gradient in gradients])


def _gradients(evaluate: Evaluate, weights: list[Tensor]) -> Gradients:
    """Return the values of a function, which is called once, and their gradients."""
    return for_backend(tensorflow=_tensorflow, jax=_jax, torch=_torch)(evaluate, weights)


def _tensorflow(evaluate: Evaluate, weights: list[Tensor]) -> Gradients:
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(weights)
        values = evaluate(weights)
        parts = tf.unstack(values)
    return values, [tape.gradient(part, weights) for part in parts]


def _jax(evaluate: Evaluate, weights: list[Tensor]) -> Gradients:
    import jax

    values, pull = jax.vjp(evaluate, weights)
    return values, [pull(row)[0] for row in jax.numpy.eye(values.shape[0])]


def _torch(evaluate: Evaluate, weights: list[Tensor]) -> Gradients:
    import torch

    leaves = [weight.detach().requires_grad_() for weight in weights]
    with torch.enable_grad():
        values = evaluate(leaves)
    if not values.requires_grad:
        return values, [[None] * len(leaves) for _ in values]
    return values.detach(), [
        torch.autograd.grad(part, leaves, retain_graph=True, allow_unused=True) for part in values
    ]


def _norm(gradient: Sequence[Tensor | None]) -> Tensor:
    """Return the norm of a gradient in parts; a part is None if the value does not depend on it."""
    squares = [
        ops.sum(ops.square(ops.cast(part, "float32"))) for part in gradient if part is not None
    ]
    return ops.sqrt(sum(squares, ops.zeros((), "float32")))


def _compiled(function: Callable[..., Any]) -> Any:
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=True, autograph=False)
        case "jax":
            import jax

            return jax.jit(function)
    return function
