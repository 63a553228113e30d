"""Counts that are added up: over windows, images and processes, in any order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["AccuracyByBin", "Counts"]


@dataclass(frozen=True)
class Counts:
    """Base of frozen dataclasses whose fields are integers, integer arrays or counts themselves.

    Integers add without rounding, so sums do not depend on how an image was cut or in which
    order its windows were finished. A field that is None in one is None in the sum of both.
    """

    def __add__(self, other: Self) -> Self:
        """Return a new value, field by field the sum of both."""
        summed: dict[str, Any] = {}
        for field in fields(self):
            first, second = getattr(self, field.name), getattr(other, field.name)
            summed[field.name] = None if first is None or second is None else first + second
        return type(self)(**summed)


@dataclass(frozen=True)
class AccuracyByBin(Counts):
    """Pixels by bins of a distance or a confidence, ``(bins,)`` each."""

    right: NDArray[np.int64]
    """Pixels classified correctly."""
    all: NDArray[np.int64]

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """``(bins,)`` fraction of pixels classified correctly; NaN without pixels."""
        nothing = np.full(len(self.all), np.nan)
        return np.asarray(np.divide(self.right, self.all, out=nothing, where=self.all > 0))

    @property
    def share(self) -> NDArray[np.float64]:
        """``(bins,)`` fraction of all pixels."""
        return np.asarray(self.all / max(self.all.sum(), 1))
