"""A finished class map, read in strips of whole rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo, named_classes
from tilesegm.closing import Closing
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.sink.map_files import check_class_map, confidence_beside
from tilesegm.sink.provenance import MapFacts, read_map_facts
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo, Source, same_place
from tilesegm.source.ground import RowAreas
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.options import Nodata
from tilesegm.source.parts import files_of
from tilesegm.source.vector.address import VectorAddress
from tilesegm.source.vector.reading import tell

__all__ = ["ClassMap", "MapOptions", "Strip", "choose"]

_READ = 1 << 22
"""Pixels that are read together, in whole rows of blocks where these are not larger."""
_MOST = 1 << 28
"""Pixels of a row of blocks above which blocks are decoded more than once."""
_STRIP = 1 << 22
"""Pixels of a strip."""

_MISSING = -1
_HIGHEST = 2**16 - 1
"""Largest id: what holds larger ones numbers objects, or measures something."""


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """How a map is read."""

    classes: tuple[str, ...] | int | None = None
    """Names or number of classes, in place of what the map tells."""
    nodata: Nodata | None = None
    area: Any = None
    """Area of interest: a path, or a mask as an array; pixels outside have no class."""


@dataclass(frozen=True)
class Strip:
    """Some whole rows of a map."""

    row: int
    ids: NDArray[np.int32]
    """``(rows, width)`` class ids; -1 where there is none."""
    confidence: NDArray[np.float32] | None = None
    """``(rows, width)``, NaN where it is missing."""


class ClassMap(Closing):
    """An open class map.

    Args:
        image: what `open_source` takes.
        options: how to read it.

    Raises:
        InputError: it cannot be read, or is no class map.
    """

    def __init__(self, image: Any, options: MapOptions | None = None) -> None:
        options = options or MapOptions()
        self.facts = read_map_facts(image)
        with ExitStack() as files:
            self._source = files.enter_context(open_source(image, nodata=options.nodata))
            info = self.facts.told_of(self._source.info)
            check_class_map(info, self.facts)
            area = options.area
            self._area = None if area is None else open_area(area, info)
            self._confidence = _beside(image, self.facts, info)
            if self._confidence is not None:
                files.enter_context(self._confidence)
            self._files = files.pop_all()
        self.info: ImageInfo = info
        self.ground = RowAreas.of(info.georeference, info.height)
        self._given = options.classes
        self._area_path = options.area
        self._palette = self._source.palette if isinstance(self._source, ImageSource) else None

    @property
    def has_confidence(self) -> bool:
        """Whether a layer of confidence lies beside the map."""
        return self._confidence is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or left out when the files were opened, in a line each."""
        lines = [f"{self.info.uri}: {note}" for note in self.info.notes]
        if self._area is not None:
            lines += [*tell(filter(None, [self._area.reading])), *self._area.notes]
        return tuple(lines)

    @property
    def reads(self) -> list[tuple[str, str]]:
        """What each file that is read is, and where it lies."""
        files = [("the class map", self.info.address)]
        files += [("a file of the class map", str(p)) for p in files_of(self.info.address)]
        files += [("a file of the class map", name) for name in self.info.files]
        if self._confidence is not None:
            files += [("the confidence of the map", name) for name in self._confidence.info.files]
        if isinstance(self._area_path, str | os.PathLike):
            path = VectorAddress.parse(os.fspath(self._area_path)).path
            files.append(("the area of interest", str(path)))
        return files

    @property
    def names(self) -> tuple[str, ...]:
        """Names of classes by id, as far as they are given or told."""
        if isinstance(self._given, int):
            return tuple(f"class {number}" for number in range(self._given))
        return self._given or tuple(one.name for one in self.facts.classes)

    def classes(self, count: int) -> tuple[ClassInfo, ...]:
        """Return names and colours of the ids below ``count``, numbered where nobody names them."""
        numbered = [f"class {number}" for number in range(len(self.names), count)]
        if self._is_mask(count):
            numbered[-1] = self.names[1]
        palette = dict(self.facts.palette)
        if not palette and self._palette is not None:
            palette = {n: tuple(rgb) for n, rgb in enumerate(self._palette.tolist())}
        return named_classes([*self.names, *numbered], palette)

    def _is_mask(self, count: int) -> bool:
        """Tell whether 255 is the second of two classes, as in masks of black and white."""
        return len(self.names) == 2 and count == 256

    def strips(self, *, confidence: bool = False) -> Iterator[Strip]:
        """Read all rows from top to bottom.

        Args:
            confidence: whether to read the layer of confidence too.

        Raises:
            SourceError: pixels cannot be read, or are no class ids.
        """
        width = self.info.width
        rows = max(1, _STRIP // width)
        for window in _readings(self.info):
            ids = self._ids(window)
            values = self._read_confidence(window) if confidence and self._confidence else None
            for top in range(0, window.height, rows):
                part = slice(top, top + rows)
                yield Strip(window.row + top, ids[part], None if values is None else values[part])

    def _ids(self, window: Window) -> NDArray[np.int32]:
        pixels = self._source.read(window)
        values, present = pixels.values[..., 0], pixels.valid
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            present = finite if present is None else finite & present
        if self._area is not None:
            inside = self._area.mask(window)
            present = inside if present is None else inside & present
        if present is not None:
            values = np.where(present, values, values.dtype.type(0))
        ids = values.astype(np.int32)
        strange = (ids != values) | (ids < 0) | (ids > _HIGHEST)
        if strange.any():
            raise SourceError(
                f"{self.info.uri}: {values[strange][0]} is no class id; expected whole numbers "
                f"from 0 to {_HIGHEST}; --nodata VALUE says which value has no class"
            )
        if present is not None:
            ids[~present] = _MISSING
        return ids

    def _read_confidence(self, window: Window) -> NDArray[np.float32]:
        assert self._confidence is not None
        pixels = self._confidence.read(window)
        values = pixels.values[..., 0].astype(np.float32)
        if pixels.valid is not None:
            values[~pixels.valid] = np.nan
        return values

    def close(self) -> None:
        """Close all files."""
        self._files.close()


def _beside(image: Any, facts: MapFacts, info: ImageInfo) -> Source | None:
    """Open the confidence that a run of ours wrote beside its map."""
    beside = confidence_beside(image, facts)
    if beside is None:
        return None
    source = open_source(beside, unscale=True)
    if (source.info.height, source.info.width) != (info.height, info.width) or not same_place(
        source.info.georeference, info.georeference, info.height, info.width
    ):
        source.close()
        return None
    return source


def _readings(info: ImageInfo) -> Iterator[Window]:
    """Cut an image into windows of whole rows, of whole blocks as far as memory allows."""
    block = max(1, info.block[0])
    rows = block * max(1, _READ // (block * info.width))
    if rows * info.width > _MOST:
        rows = max(1, _READ // info.width)
    for top in range(0, info.height, rows):
        yield Window(top, 0, min(rows, info.height - top), info.width)


def choose(names: Sequence[str], wanted: Sequence[str], option: str) -> frozenset[int]:
    """Return the ids of classes that a user names, or numbers.

    Raises:
        SettingsError: there is no such class.
    """
    ids = set()
    for word in wanted:
        if word in names:
            ids |= {number for number, name in enumerate(names) if name == word}
        elif word.isdigit():
            ids.add(int(word))
        else:
            raise SettingsError(
                f"{option} names {word!r}, and the map has "
                + (
                    f"the classes {', '.join(names)}"
                    if names
                    else "no names; give ids, or --classes"
                )
            )
    return frozenset(ids)
