"""Which objects of a map are taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tilesegm.classes import ClassInfo
from tilesegm.errors import InputError
from tilesegm.products.class_map import ClassMap, choose
from tilesegm.products.objects import Objects

__all__ = ["Selection", "select"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user asks for."""

    only: tuple[str, ...] = ()
    """Names or ids of the classes to take; all of them if empty."""
    skip: tuple[str, ...] = ()
    """Names or ids of the classes to leave out."""

    @property
    def needs_borders(self) -> bool:
        """Whether it asks who shares a border with whom."""
        return False


def select(
    class_map: ClassMap, objects: Objects, wanted: Selection
) -> tuple[Objects, tuple[ClassInfo, ...], tuple[str, ...]]:
    """Leave out what is not wanted.

    Returns:
        The objects that are left, the classes of the map, and what was done, in a line each.

    Raises:
        InputError: nothing is left, or there is no such class.
    """
    notes: list[str] = []
    uri = class_map.info.uri
    if not len(objects):
        raise InputError(
            f"{uri}: none of its {class_map.info.pixels:,} pixels has a class; check --nodata and "
            "--aoi"
        )
    classes = class_map.classes(int(objects.ids.max()) + 1)
    names = [one.name for one in classes]
    if not class_map.names:
        told = ", ".join(map(str, np.unique(objects.ids)[:20].tolist()))
        notes.append(
            f"{uri} does not name its classes, so their ids are their names ({told}); --classes "
            "names them in the order of ids"
        )
    taken = np.ones(len(objects), bool)
    if wanted.only:
        taken = np.isin(objects.ids, list(choose(names, wanted.only, "--only")))
    if wanted.skip:
        taken &= ~np.isin(objects.ids, list(choose(names, wanted.skip, "--skip")))
    if not taken.any():
        raise InputError(
            f"{uri}: none of its {len(objects):,} objects is of the classes that are asked for; it "
            f"has {', '.join(names[n] for n in np.unique(objects.ids)[:20])}"
        )
    own = np.arange(len(objects))
    return objects.gather(np.where(taken, own, -1)), classes, tuple(notes)
