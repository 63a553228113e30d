"""Attributes of vector files as settings write them."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["colours_of", "plain_values"]


def plain_values(column: NDArray[Any], path: tuple[str, ...] = ()) -> tuple[int | str | None, ...]:
    """Return whole numbers as int, all else as text, and None where there is no value.

    Text that is a JSON object with a name stands for the name, such as the ``classification`` of
    QuPath.

    Args:
        column: as pyogrio gives it.
        path: keys that lead to the value in JSON objects.
    """
    if column.dtype.kind == "M":
        midnight = (column == column.astype("datetime64[D]")) | np.isnat(column)
        texts = np.datetime_as_string(column, unit="D" if midnight.all() else "s")
        return tuple(None if text == "NaT" else str(text) for text in texts)
    return tuple(_plain(value, path) for value in column.tolist())


def colours_of(column: NDArray[Any]) -> tuple[tuple[int, int, int] | None, ...]:
    """Return the colour that QuPath gives each class, None where there is none.

    Args:
        column: JSON objects with ``color``, or with ``colorRGB`` of older versions.
    """
    return tuple(_colour(_object(str(value)) or {}) for value in column.tolist())


def _colour(held: Mapping[str, Any]) -> tuple[int, int, int] | None:
    packed = held.get("colorRGB")
    # A signed integer of 32 bits, alpha first.
    parts = [packed >> 16 & 255, packed >> 8 & 255, packed & 255] if type(packed) is int else None
    parts = held.get("color", parts)
    if not isinstance(parts, list) or len(parts) != 3:
        return None
    if not all(type(part) is int and 0 <= part < 256 for part in parts):
        return None
    red, green, blue = parts
    return red, green, blue


def _plain(value: Any, path: tuple[str, ...]) -> int | str | None:
    if value is None:
        return None
    if isinstance(value, int | float):
        if math.isnan(value):
            return None
        return int(value) if float(value).is_integer() else str(value)
    if isinstance(value, list | np.ndarray):
        return ", ".join(map(str, value)) or None
    return _text(str(value), path)


def _text(text: str, path: tuple[str, ...]) -> int | str | None:
    if not text.strip():
        return None
    held: Any = _object(text)
    if held is None:
        return None if path else text
    for key in path:
        held = held.get(key) if isinstance(held, Mapping) else None
    if isinstance(held, Mapping):
        # QuPath writes the names of a class and its subclasses as a list of late.
        held = held.get("name", held.get("names", text))
    if isinstance(held, list):
        held = ": ".join(map(str, held))
    return _plain(held, ())


def _object(text: str) -> Mapping[str, Any] | None:
    """Read a JSON object, or a dictionary as Python prints it."""
    if not (text.startswith("{") and text.rstrip().endswith("}")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            held = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(held, dict):
            return held
    return None
