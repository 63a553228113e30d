"""Counts that are added up: over windows, images and processes, in any order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

__all__ = ["Counts"]


@dataclass(frozen=True)
class Counts:
    """Base of frozen dataclasses whose fields are integers, integer arrays or counts themselves.

    Integers add without rounding, so sums do not depend on how an image was cut or in which
    order its windows were finished. A field that is None in one is None in the sum of both.
    """

    def __add__(self, other: Self) -> Self:
        """Return a new value, field by field the sum of both."""
        summed: dict[str, Any] = {}
        for known in fields(self):
            mine, yours = getattr(self, known.name), getattr(other, known.name)
            summed[known.name] = None if mine is None or yours is None else mine + yours
        return type(self)(**summed)
