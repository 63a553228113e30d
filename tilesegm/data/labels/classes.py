"""Classes as settings list them: values to ids, names and colours for maps."""

from __future__ import annotations

from tilesegm.classes import ClassInfo, named_classes
from tilesegm.data.colour import is_colour, parse_colour, plain_value
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import ClassSettings, LabelSettings

__all__ = ["class_ids", "class_infos"]


def class_infos(settings: LabelSettings) -> tuple[ClassInfo, ...]:
    """Return name and colour of each class, in the order of ids.

    A class without a colour of its own takes that of the mask, or else the one that its name says,
    or one well apart from all others.
    """
    own = {number: _own_colour(entry) for number, entry in enumerate(settings.classes)}
    given = {number: colour for number, colour in own.items() if colour is not None}
    return named_classes([entry.name for entry in settings.classes], given)


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
