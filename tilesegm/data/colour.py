"""Colours as people write them, ``"#RRGGBB"``, and as one number, which arrays compare quickly."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_colour", "pack_colours", "parse_colour", "plain_value", "write_colour"]

_FORM = re.compile(r"#[0-9a-fA-F]{6}")


def is_colour(value: object) -> bool:
    """Tell whether ``value`` is a text of the form ``"#RRGGBB"``."""
    return isinstance(value, str) and _FORM.fullmatch(value) is not None


def parse_colour(text: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of ``"#RRGGBB"``."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def write_colour(packed: int) -> str:
    """Return ``"#RRGGBB"`` for the number ``0xRRGGBB``."""
    return f"#{packed:06X}"


def pack_colours(pixels: NDArray[Any]) -> NDArray[np.int32]:
    """Return ``0xRRGGBB`` of ``(..., 3)`` 8-bit colours."""
    packed = pixels[..., 0].astype(np.int32) << 16
    packed |= pixels[..., 1].astype(np.int32) << 8
    packed |= pixels[..., 2]
    return packed


def plain_value(value: int | str) -> int | str:
    """Return a value of labels in its one form: a colour in upper case, all else as it is."""
    return value.upper() if isinstance(value, str) and is_colour(value) else value
