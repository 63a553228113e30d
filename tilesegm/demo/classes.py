"""The classes of the demo scene."""

from __future__ import annotations

from enum import IntEnum

from tilesegm.classes import ClassInfo

__all__ = ["CLASSES", "Cover"]


class Cover(IntEnum):
    """Class ids of the scene, in the order of :data:`CLASSES`."""

    WATER = 0
    FIELD = 1
    MEADOW = 2
    TREES = 3
    ROAD = 4
    BUILDING = 5


CLASSES = (
    ClassInfo("water", (49, 110, 190)),
    ClassInfo("field", (233, 196, 92)),
    ClassInfo("meadow", (158, 205, 110)),
    ClassInfo("trees", (38, 112, 62)),
    ClassInfo("road", (122, 122, 130)),
    ClassInfo("building", (205, 62, 54)),
)
