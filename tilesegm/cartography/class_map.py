"""Class maps as they are shown: at any level, with names and colours of their classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tilesegm.class_colours import choose_colours
from tilesegm.classes import ClassInfo, default_classes, named_classes
from tilesegm.errors import SettingsError, SourceError
from tilesegm.sink.map_files import check_class_map
from tilesegm.sink.provenance import MapFacts, read_map_facts
from tilesegm.source.base import Georeference, ImageInfo, Source
from tilesegm.source.open import open_source

__all__ = ["ShownMap"]

_MOST_CLASSES = 256
"""Different values above which a raster is no class map."""


@dataclass(frozen=True, kw_only=True)
class ShownMap:
    """A class map that is to be shown."""

    path: str
    nodata: float | str | None
    """Value of pixels without a class, in place of the map's own."""
    info: ImageInfo
    facts: MapFacts
    known: Mapping[int, ClassInfo]
    """Names and colours by id, as far as they are known."""

    @classmethod
    def of(
        cls,
        path: str | Path,
        names: Sequence[str] | int | None = None,
        nodata: float | str | None = None,
    ) -> Self:
        """Open a class map, and take names and colours from it.

        Args:
            path: of a raster of one band of integers.
            names: of the classes by id, in place of those that it tells, or their number.
            nodata: value of pixels without a class, in place of the map's own.

        Raises:
            SourceError: it cannot be read, or is no class map.
            SettingsError: names are given for another number of classes than it has.
        """
        with open_source(path, nodata=nodata) as source:
            info = source.info
        facts = read_map_facts(path)
        check_class_map(info, facts)
        if info.dtype.kind not in "iu":
            raise SourceError(
                f"{info.uri} holds {info.dtype} pixels, and a class map holds whole numbers; "
                "convert it: gdalwarp -ot Byte -srcnodata nan -dstnodata 255 (gdal_translate makes "
                "zeros of NaN)"
            )
        if isinstance(names, int):
            names = [info.name for info in default_classes(names)]
        if names is not None and facts.classes and len(names) != len(facts.classes):
            raise SettingsError(
                f"{len(names)} names are given, and {info.uri} tells {len(facts.classes)} classes; "
                "give a name for each, or leave --classes out"
            )
        given = {number: rgb for number, rgb in facts.palette.items() if number < _MOST_CLASSES}
        if names is not None:
            known = dict(enumerate(named_classes(names, given or None)))
        elif facts.classes:
            known = dict(enumerate(facts.classes))
        else:
            known = {number: ClassInfo(f"value {number}", rgb) for number, rgb in given.items()}
        return cls(path=str(path), nodata=nodata, info=info, facts=facts, known=known)

    @property
    def place(self) -> Georeference:
        """Where it lies, or how large its pixels are."""
        return self.info.georeference

    @property
    def notes(self) -> tuple[str, ...]:
        """What is made up for the lack of names."""
        if self.named:
            return ()
        return (
            "the map tells no names of classes, so values are shown; --classes water,road,tree "
            "names them in the order of ids",
        )

    @property
    def named(self) -> bool:
        """Whether names of classes are known."""
        return bool(self.facts.classes) or any(
            info.name != f"value {number}" for number, info in self.known.items()
        )

    def open(self, level: int = 0) -> Source:
        """Open a level of it; 0 is the finest."""
        return open_source(self.path, nodata=self.nodata, level=level)

    def classes_of(self, ids: Iterable[int]) -> tuple[ClassInfo, ...]:
        """Return name and colour of ids, which are chosen where they are not known.

        Raises:
            SourceError: they are too many for classes.
        """
        wanted = [int(number) for number in ids]
        if len(wanted) > _MOST_CLASSES:
            raise SourceError(
                f"{self.info.uri} holds {len(wanted)} different values, and a class map at most "
                f"{_MOST_CLASSES}: is it an image, or elevations?"
            )
        names = [self.known[n].name if n in self.known else f"value {n}" for n in wanted]
        settled = {place: self.known[n].colour for place, n in enumerate(wanted) if n in self.known}
        colours = choose_colours(names, settled)
        return tuple(ClassInfo(*pair) for pair in zip(names, colours, strict=True))
