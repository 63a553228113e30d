"""Names and colours of classes, and what stands for them in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tilesegm.class_colours import choose_colours
from tilesegm.errors import SettingsError
from tilesegm.shown import is_text

__all__ = ["ClassInfo", "Meaning", "default_classes", "named_classes"]


@dataclass(frozen=True)
class ClassInfo:
    """One class of a class map."""

    name: str
    colour: tuple[int, int, int]
    """Red, green, blue; 0 to 255."""

    def __post_init__(self) -> None:
        # Refused here, and not by the finished file after all of the work.
        if not is_text(self.name):
            raise SettingsError(
                f"a class is called {self.name!r}: no file can hold a NUL or half a character; "
                "rename the class"
            )


@dataclass(frozen=True)
class Meaning:
    """What the values of rasters of ids stand for, beside the ids themselves."""

    foreground: int | None = None
    """The value of class 1 in masks whose other value is 0."""
    unlabelled: tuple[int, ...] = ()
    """Values of pixels without a label."""


def default_classes(count: int) -> tuple[ClassInfo, ...]:
    """Return ``count`` classes with numbered names and colours that are easy to tell apart."""
    return named_classes([f"class {number}" for number in range(count)])


def named_classes(
    names: Sequence[str], given: Mapping[int, tuple[int, int, int]] | None = None
) -> tuple[ClassInfo, ...]:
    """Return a class for each name; see `choose_colours` for the colours.

    Args:
        names: in the order of the ids.
        given: colours that are settled already, by id.
    """
    colours = choose_colours(names, given)
    return tuple(ClassInfo(name, colour) for name, colour in zip(names, colours, strict=True))
