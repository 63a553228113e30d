"""Turns words of the command line into values."""

from __future__ import annotations

import math
import re
from typing import Literal

from tilesegm.errors import SettingsError
from tilesegm.model.normalisation import Normalisation

__all__ = [
    "parse_augment",
    "parse_bytes",
    "parse_class_names",
    "parse_duration",
    "parse_fraction",
    "parse_ids",
    "parse_normalisation",
    "parse_numbers",
    "parse_offsets",
    "parse_overlap",
    "parse_words",
]

_UNITS = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_BINARY_UNITS = {"KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def parse_bytes(text: str | None) -> int | None:
    """``4GB``, ``800 MiB``, ``1.5g`` or plain bytes."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = match.group(2).upper().removesuffix("B") if match else "?"
    factor = (_UNITS | _BINARY_UNITS).get(unit)
    size = float(match.group(1)) * factor if match and factor else math.inf
    if not math.isfinite(size):
        raise SettingsError(f"memory is {text[:40]!r}; give a size such as 4GB or 800MiB")
    return int(size)


def parse_duration(text: str) -> float:
    """``90s``, ``15min``, ``1.5h`` or ``2d``, as seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\s*", text)
    if not match or not float(match[1]):
        raise SettingsError(f"a budget of {text!r} is no time; give one such as 45min or 1.5h")
    return float(match[1]) * _SECONDS[match[2]]


def parse_numbers(name: str, text: str | None) -> list[float]:
    """``1,2.5``."""
    try:
        return [float(word) for word in text.split(",")] if text else []
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; give numbers such as 1,2") from None


def parse_ids(name: str, text: str | None) -> tuple[int, ...]:
    """``1,2``, whole numbers."""
    numbers = parse_numbers(name, text)
    if any(not number.is_integer() for number in numbers):
        raise SettingsError(f"{name} is {text!r}; give whole numbers such as 1,2")
    return tuple(int(number) for number in numbers)


def parse_fraction(text: str) -> float:
    """``1%`` or ``0.01``."""
    number = text.strip().removesuffix("%")
    try:
        return float(number) / (1 if number == text.strip() else 100)
    except ValueError:
        raise SettingsError(f"{text!r} is no part; give one such as 1% or 0.01") from None


def parse_offsets(text: str | None) -> tuple[float, ...] | None:
    """``0,0.5,-1``."""
    if text is None:
        return None
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise SettingsError(
            f"offsets is {text!r}; give a number for each class, such as 0,0.5,-1"
        ) from None


def parse_overlap(text: str) -> int | Literal["exact"]:
    """A number of pixels, or ``exact``."""
    if text == "exact":
        return "exact"
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"overlap is {text!r}; give a number of pixels or 'exact'") from None


def parse_augment(text: str | None) -> tuple[str | float, ...]:
    """``flips,0.75,1.25``."""
    if not text:
        return ()
    words = [word.strip() for word in text.split(",")]
    return tuple(float(word) if re.fullmatch(r"\d*\.?\d+", word) else word for word in words)


def parse_normalisation(text: str | None) -> Normalisation | None:
    """``0:255`` maps the first value to 0 and the second to 1; ``a:b,c:d`` does so by band."""
    if text is None:
        return None
    try:
        ranges = [tuple(float(end) for end in part.split(":")) for part in text.split(",")]
        if not all(math.isfinite(end) for ends in ranges for end in ends):
            raise ValueError
        offsets = tuple(low for low, _ in ranges)
        scales = tuple(1 / (high - low) for low, high in ranges)
    except (ValueError, ZeroDivisionError):
        raise SettingsError(
            f"normalise is {text!r}; give the values that become 0 and 1, such as 0:255, or one "
            "such pair per band, such as 0:255,0:4095"
        ) from None
    return Normalisation(offsets, scales)


def parse_class_names(text: str | None) -> tuple[str, ...] | int | None:
    """A number of classes, or their names: ``3`` or ``water,road,tree``."""
    if text is None:
        return None
    return int(text) if text.strip().isdigit() else parse_words(text)


def parse_words(text: str | None) -> tuple[str, ...]:
    """``building,road``."""
    return tuple(map(str.strip, text.split(","))) if text else ()
