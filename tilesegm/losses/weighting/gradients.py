"""Gradient norms of several losses with respect to some weights, on each backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from tilesegm.losses.tensors import Tensor, for_backend

__all__ = ["gradient_norms"]

Evaluate: TypeAlias = Callable[[list[Tensor]], Tensor]
"""From weights to ``(T,)`` values."""

Gradients: TypeAlias = tuple[Tensor, list[Sequence[Tensor | None]]]
"""``(T,)`` values, and for each of them the gradient with respect to each weight."""


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

    weights = [variable.value for variable in variables]
    gradients_of = for_backend(tensorflow=_tensorflow, jax=_jax, torch=_torch)
    result, gradients = gradients_of(evaluate, weights)
    return ops.stop_gradient(result), ops.stack([_norm(gradient) for gradient in gradients])


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
    return values, [
        torch.autograd.grad(part, leaves, retain_graph=True, allow_unused=True) for part in values
    ]


def _norm(gradient: Sequence[Tensor | None]) -> Tensor:
    """Return the norm of a gradient in parts; a part is None if the value does not depend on it."""
    squares = [
        ops.sum(ops.square(ops.cast(part, "float32"))) for part in gradient if part is not None
    ]
    return ops.sqrt(sum(squares, ops.zeros((), "float32")))
