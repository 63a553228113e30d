"""Tensors of the active Keras backend: height and width, and values where there are any."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import keras
import numpy as np

from tilesegm.errors import InputError

__all__ = ["Tensor", "concrete", "for_backend", "sides"]

Tensor: TypeAlias = Any
"""A tensor of the active Keras backend, or anything that converts to one."""

_T = TypeVar("_T")


def for_backend(*, tensorflow: _T, jax: _T, torch: _T) -> _T:
    """Return the argument that is named like the active Keras backend."""
    return {"tensorflow": tensorflow, "jax": jax, "torch": torch}[keras.backend.backend()]


def sides(maps: Tensor) -> tuple[int, int]:
    """Return H and W of ``(N, H, W)`` or ``(N, H, W, K)``.

    Raises:
        InputError: the tensor has another rank, or is being traced without a fixed H and W.
    """
    shape = tuple(maps.shape)
    if len(shape) not in (3, 4):
        raise InputError(
            f"a map of shape {shape} was passed; expected (N, H, W) or (N, H, W, K):"
            " add or drop axes"
        )
    if shape[1] is None or shape[2] is None:
        raise InputError(
            f"a map of shape {shape} was traced; this loss must know height and width beforehand:"
            " give the tiles of the dataset one fixed size"
        )
    return int(shape[1]), int(shape[2])


def concrete(tensor: Any) -> np.ndarray[Any, Any] | None:
    """Return the values of ``tensor`` as a NumPy array, or None while a graph is being traced.

    Args:
        tensor: tensor of the active backend, NumPy array or ``KerasTensor``.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    if not keras.ops.is_tensor(tensor) or isinstance(tensor, keras.KerasTensor):
        return None
    if for_backend(tensorflow=_traced_tensorflow, jax=_traced_jax, torch=_traced_torch)(tensor):
        return None
    values: np.ndarray[Any, Any] = keras.ops.convert_to_numpy(tensor)
    return values


def _traced_tensorflow(tensor: Any) -> bool:
    return not hasattr(tensor, "numpy")


def _traced_jax(tensor: Any) -> bool:
    import jax

    return isinstance(tensor, jax.core.Tracer)


def _traced_torch(tensor: Any) -> bool:
    import torch

    return bool(torch.compiler.is_compiling()) or tensor.device.type == "meta"
