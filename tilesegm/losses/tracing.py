"""Whether a tensor has values now, or only stands for values inside a compiled graph."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

__all__ = ["concrete"]


def concrete(tensor: Any) -> np.ndarray[Any, Any] | None:
    """Return the values of ``tensor`` as numpy, or None while a graph is being traced.

    Args:
        tensor: A tensor of the active backend, a numpy array or a ``KerasTensor``.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    if keras.ops.is_tensor(tensor) and not isinstance(tensor, keras.KerasTensor):
        if _TRACED[keras.backend.backend()](tensor):
            return None
        values: np.ndarray[Any, Any] = keras.ops.convert_to_numpy(tensor)
        return values
    return None


def _traced_tensorflow(tensor: Any) -> bool:
    return not hasattr(tensor, "numpy")


def _traced_jax(tensor: Any) -> bool:
    import jax

    return isinstance(tensor, jax.core.Tracer)


def _traced_torch(tensor: Any) -> bool:
    import torch

    return bool(torch.compiler.is_compiling()) or tensor.device.type == "meta"


_TRACED = {"tensorflow": _traced_tensorflow, "jax": _traced_jax, "torch": _traced_torch}
