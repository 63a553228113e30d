"""Values as strict JSON can hold them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["plain"]


def plain(value: Any, *, infinity: str | None = None) -> Any:
    """Turn NumPy values into Python's own, and numbers that JSON lacks into None.

    Args:
        value: number, text, array, or dicts, lists and tuples of these.
        infinity: stands for positive infinity, where that says more than None.
    """
    if isinstance(value, dict):
        return {key: plain(part, infinity=infinity) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(part, infinity=infinity) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return infinity if value > 0 else None
    return value
