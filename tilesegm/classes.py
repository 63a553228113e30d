"""Names and colours of classes, and what stands for them in files."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

__all__ = ["ClassInfo", "Meaning", "default_classes"]

_GOLDEN_RATIO = 0.618033988749895


@dataclass(frozen=True)
class ClassInfo:
    """One class of a class map."""

    name: str
    colour: tuple[int, int, int]
    """Red, green, blue; 0 to 255."""


@dataclass(frozen=True)
class Meaning:
    """What the values of rasters of ids stand for, beside the ids themselves."""

    foreground: int | None = None
    """The value of class 1 in masks whose other value is 0."""
    unlabelled: tuple[int, ...] = ()
    """Values of pixels without a label."""


def default_classes(count: int) -> tuple[ClassInfo, ...]:
    """Return ``count`` classes with numbered names and colours that are easy to tell apart.

    Hues step by the golden ratio, which keeps any first ``n`` of them well apart; three levels of
    brightness alternate.
    """
    classes = []
    for index in range(count):
        hue = (0.6 + index * _GOLDEN_RATIO) % 1.0
        rgb = colorsys.hsv_to_rgb(hue, 0.65, (0.95, 0.75, 0.55)[index % 3])
        red, green, blue = (round(255 * part) for part in rgb)
        classes.append(ClassInfo(f"class {index}", (red, green, blue)))
    return tuple(classes)
