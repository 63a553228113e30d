"""Values of JSON that somebody else wrote, taken as what they should be or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["dicts", "size", "text"]

_LONGEST = 1000
"""Characters of a name."""


def dicts(values: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list; an empty one for everything else, so that it is counted."""
    for value in values if isinstance(values, list) else ():
        yield value if isinstance(value, Mapping) else {}


def text(value: Any) -> str | None:
    """Return a text, or the digits of a whole number; None where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 1 << 63 else ""
    if not isinstance(value, str) or not value.strip():
        return None
    return value.strip()[:_LONGEST]


def size(value: Any) -> int | None:
    """Return a side of an image in pixels; None where it is none."""
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if whole and 0 < value < 1 << 31 else None
