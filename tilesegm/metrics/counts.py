"""Counts that are added up: over windows, images and processes, in any order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["AccuracyByBin", "Counts", "histogram", "ratio"]


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
        return ratio(self.right, self.all)

    @property
    def share(self) -> NDArray[np.float64]:
        """``(bins,)`` fraction of all pixels."""
        return np.asarray(self.all / max(self.all.sum(), 1))


def ratio(
    part: ArrayLike,
    whole: ArrayLike,
    otherwise: float = np.nan,
    where: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """``part / whole`` where asked for or the whole is above 0, and ``otherwise`` elsewhere."""
    counted = np.asarray(whole) > 0 if where is None else where
    out = np.full(np.shape(part), float(otherwise))
    return np.asarray(np.divide(part, whole, out=out, where=counted))


def histogram(numbers: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Count how often each number below ``size`` occurs; greater ones are left out."""
    return np.bincount(numbers.ravel(), minlength=size)[:size].astype(np.int64)
