"""Which objects of a map are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.errors import InputError, SettingsError
from tilesegm.products.class_map import ClassMap, choose
from tilesegm.products.extent import Extent
from tilesegm.products.objects import Objects
from tilesegm.products.small import SMALL, Small, remove_small

__all__ = ["Selection", "classes_of", "select", "without_small"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user asks for."""

    only: tuple[str, ...] = ()
    """Names or ids of the classes to take; all of them if empty."""
    skip: tuple[str, ...] = ()
    """Names or ids of the classes to leave out."""

    least: Extent | None = None
    """Area from which an object is not small."""
    small: Small = "merge"
    """What becomes of small ones; see `remove_small`."""

    def __post_init__(self) -> None:
        if self.small not in SMALL:
            raise SettingsError(f"--small is {self.small!r}; expected {', '.join(SMALL)}")

    @property
    def needs_borders(self) -> bool:
        """Whether it asks who shares a border with whom."""
        return self.least is not None and self.small != "drop"


def classes_of(
    class_map: ClassMap, objects: Objects
) -> tuple[tuple[ClassInfo, ...], tuple[str, ...]]:
    """Return names and colours of the classes of objects, and what is to be said of them.

    Raises:
        InputError: there are no objects.
    """
    uri = class_map.info.uri
    if not len(objects):
        raise InputError(
            f"{uri}: none of its {class_map.info.pixels:,} pixels has a class; check --nodata and "
            "--aoi"
        )
    classes = class_map.classes(int(objects.ids.max()) + 1)
    found = np.unique(objects.ids)
    nameless = found[found >= len(class_map.names)]
    if not nameless.size:
        return classes, ()
    told = ", ".join(map(str, nameless[:20].tolist())) + (" ..." if len(nameless) > 20 else "")
    if classes[nameless[-1]].name in class_map.names:
        return classes, (f"{uri}: {told} is taken as {classes[nameless[-1]].name}",)
    return classes, (
        f"{uri}: no names are known of the ids {told}, so they are called by their numbers; "
        "--classes names them in the order of ids, and --nodata says which one has no class",
    )


def select(
    class_map: ClassMap, objects: Objects, wanted: Selection
) -> tuple[Objects, tuple[ClassInfo, ...], tuple[str, ...]]:
    """Leave out what is not wanted.

    Returns:
        The objects that are left, the classes of the map, and what was done, in a line each.

    Raises:
        InputError: nothing is left, or there is no such class.
    """
    classes, told = classes_of(class_map, objects)
    names, notes = [one.name for one in classes], list(told)
    had = objects
    if wanted.least is not None:
        objects, said = without_small(class_map, objects, wanted)
        notes.append(said)
    taken = np.ones(len(objects), bool)
    if wanted.only:
        taken = np.isin(objects.ids, list(choose(names, wanted.only, "--only")))
    if wanted.skip:
        taken &= ~np.isin(objects.ids, list(choose(names, wanted.skip, "--skip")))
    if not taken.any():
        there = ", ".join(f"{names[n]} {np.sum(had.ids == n):,}" for n in np.unique(had.ids)[:20])
        raise InputError(
            f"{class_map.info.uri}: none of its {len(had):,} objects is left ({there}); check "
            "--min-area, --only and --skip"
        )
    return objects.relabel(np.where(taken, objects.ids, -1)), classes, tuple(notes)


def without_small(class_map: ClassMap, objects: Objects, wanted: Selection) -> tuple[Objects, str]:
    """Remove small objects, and say what was done.

    Raises:
        SettingsError: the limit is given on the ground, and the map tells no scale.
    """
    least = wanted.least
    assert least is not None
    sizes: NDArray[Any] = objects.pixels
    limit = least.value
    if least.on_ground:
        sizes, limit = objects.area, least.area_in(class_map.ground, "--min-area")
    small = sizes < limit
    left = remove_small(objects, sizes, limit, wanted.small)
    count = int(small.sum())
    said = f"{count:,} of {len(objects):,} objects are smaller than {least.text}"
    if wanted.small == "drop":
        said += f" and were dropped, with {int(objects.pixels[small].sum()):,} px" if count else ""
    else:
        stay = int(((left.area if least.on_ground else left.pixels) < limit).sum())
        to = "the longest border" if wanted.small == "merge" else "the largest size"
        if count > stay:
            said += f"; {count - stay:,} were given to the neighbour of {to}"
        said += f"; {stay:,} have none that is large enough and stay" if stay else ""
    gone = np.setdiff1d(objects.ids, left.ids)
    if gone.size:
        names = class_map.classes(int(objects.ids.max()) + 1)
        said += f"; nothing is left of {', '.join(names[n].name for n in gone)}"
    return left, said
