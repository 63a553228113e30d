"""Classes as settings list them: values to ids, names and colours for maps."""

from __future__ import annotations

from tilesegm.classes import ClassInfo, default_classes
from tilesegm.data.colour import is_colour, parse_colour, plain_value
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import ClassSettings, LabelSettings

__all__ = ["class_ids", "class_infos"]

_APART = 60
"""Distance of two colours, as points of the cube of 256, from which eyes tell them apart."""


def class_infos(settings: LabelSettings) -> tuple[ClassInfo, ...]:
    """Return name and colour of each class, in the order of ids.

    A class without a colour of its own takes that of the mask, or else one well apart from all
    others.
    """
    given = [_own_colour(entry) for entry in settings.classes]
    used = [colour for colour in given if colour is not None]
    spare = [info.colour for info in default_classes(4 * len(given) + 8)]
    infos = []
    for entry, colour in zip(settings.classes, given, strict=True):
        if colour is None:
            colour = next((c for c in spare if all(_apart(c, u) for u in used)), spare[0])
            spare.remove(colour)
            used.append(colour)
        infos.append(ClassInfo(entry.name, colour))
    return tuple(infos)


def class_ids(settings: LabelSettings) -> dict[int | str, int]:
    """Return the class id, or ``IGNORE``, of each value that settings name."""
    ids: dict[int | str, int] = {plain_value(value): IGNORE for value in settings.ignore}
    for number, entry in enumerate(settings.classes):
        ids |= dict.fromkeys(entry.values, number)
    return ids


def _own_colour(entry: ClassSettings) -> tuple[int, int, int] | None:
    if entry.colour is not None:
        return parse_colour(entry.colour)
    first = entry.values[0]
    return parse_colour(first) if isinstance(first, str) and is_colour(first) else None


def _apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) >= _APART**2
