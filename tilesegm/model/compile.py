"""One door to each Keras backend: a function of tensors becomes a function of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArrayFunction", "compile_function"]

ArrayFunction = Callable[[NDArray[Any]], NDArray[Any]]


def compile_function(function: Callable[[Any], Any], xla: bool) -> ArrayFunction:
    """Compile ``function`` for the running Keras backend, once for each shape and dtype.

    Args:
        function: turns one backend tensor into one backend tensor, without Python side effects.
        xla: whether TensorFlow compiles with XLA; JAX always does and Torch runs eagerly.

    Returns:
        The same function of arrays. What it returns may be read-only, as it can be the backend's
        own memory, and raises ``MemoryError`` when the device has too little.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(function, xla)
    if backend == "jax":
        return _jax(function)
    return _torch(function)


def _tensorflow(function: Callable[[Any], Any], xla: bool) -> ArrayFunction:
    import tensorflow as tf

    programs: dict[tuple[tuple[int, ...], str], Callable[[Any], Any]] = {}

    def run(array: NDArray[Any]) -> NDArray[Any]:
        key = (array.shape, array.dtype.name)
        try:
            if key not in programs:
                signature = tf.TensorSpec(array.shape, array.dtype)
                traced = tf.function(function, jit_compile=xla).get_concrete_function(signature)
                programs[key] = traced
            # np.asarray shares the tensor's memory on a CPU where Tensor.numpy() would copy.
            return np.asarray(programs[key](tf.constant(array)))
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(_first_line(error)) from error
        except tf.errors.InternalError as error:
            _raise_if_exhausted(error)
            raise

    return run


def _jax(function: Callable[[Any], Any]) -> ArrayFunction:
    import jax

    compiled = jax.jit(function)

    def run(array: NDArray[Any]) -> NDArray[Any]:
        try:
            return np.asarray(compiled(array))
        except jax.errors.JaxRuntimeError as error:
            _raise_if_exhausted(error)
            raise

    return run


def _torch(function: Callable[[Any], Any]) -> ArrayFunction:
    import torch
    from keras import ops

    def run(array: NDArray[Any]) -> NDArray[Any]:
        try:
            with torch.no_grad():
                scores = function(ops.convert_to_tensor(array))
                return np.asarray(scores.contiguous().cpu())
        except torch.OutOfMemoryError as error:
            raise MemoryError(_first_line(error)) from error

    return run


def _raise_if_exhausted(error: Exception) -> None:
    """Turn an error whose text alone tells of missing memory into ``MemoryError``."""
    if "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower():
        raise MemoryError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
