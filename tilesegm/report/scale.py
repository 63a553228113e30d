"""Places of values along an axis of a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scale", "scale_of"]


@dataclass(frozen=True)
class Scale:
    """Turns values into pixels."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return the place of a value in pixels."""
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self, whole: bool = False) -> list[float]:
        """Four to nine round values, or the whole numbers among them."""
        span = self.high - self.low
        unit = 10.0 ** math.floor(math.log10(span))
        step = next(unit * f for f in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if span / (unit * f) <= 8)
        if whole:
            step = max(math.ceil(step), 1)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def scale_of(
    values: list[NDArray[np.float64]], limits: tuple[float, float] | None, first: float, last: float
) -> Scale:
    """Put the lowest finite value, or that of `limits`, at `first` and the highest at `last`."""
    if limits is None:
        found = np.concatenate([part[np.isfinite(part)] for part in values] or [np.zeros(0)])
        limits = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    low, high = limits
    if high <= low:
        around = max(abs(low), 1.0) / 2  # beyond the steps between floats, however large the value
        low, high = low - around, high + around
    return Scale(low, high, first, last)
