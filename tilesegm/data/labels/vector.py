"""Labels as polygons of a vector file."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.labels.classes import class_ids
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import LabelSettings
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.identity import Identity, files_identity
from tilesegm.source.polygons import PlacedPolygons, read_polygons
from tilesegm.source.vector.address import VectorAddress
from tilesegm.source.vector.buffer import Buffer
from tilesegm.source.vector.features import annotated_attribute
from tilesegm.source.vector.reading import Reading

__all__ = ["VectorLabels", "VectorObjects"]

_THIN = ("points left out", "lines left out")


class VectorLabels:
    """Polygons with an attribute, drawn window by window; of overlapping ones the last wins."""

    def __init__(self, address: VectorAddress, settings: LabelSettings, info: ImageInfo) -> None:
        """Read the polygons that touch an image.

        An image that none touches is background throughout, where a class is named for that.

        Raises:
            SourceError: the file cannot be read, misses the image without a background, or holds a
                value that ``settings`` do not know.
            SettingsError: ``settings`` do not say which attribute holds the class.
        """
        address.check_exists("labels")
        path = address.path
        names = [entry.name for entry in settings.classes]
        self._fill = IGNORE if settings.background is None else names.index(settings.background)
        self._all_touched = settings.all_touched
        self.identity = _identity(address)
        address = replace(address, layer=address.layer or settings.layer)
        buffer = None if settings.buffer is None else Buffer.parse(settings.buffer)
        self._attribute = settings.attribute or annotated_attribute(path)
        placed = _read(address, self.identity, info, self._attribute, buffer)
        if placed.reading.elsewhere and settings.background is None:
            raise SourceError(
                f"{placed.reading.elsewhere}; where an image without polygons is all background, "
                "name its class by labels.background"
            )
        self._polygons, self._values = placed.polygons, placed.values
        self._ids = self._classify(path, settings)
        unnamed = (f for f, v in zip(placed.features, self._values, strict=False) if v is None)
        self.reading: Reading = placed.reading.adding(
            f"polygons without a value of {self._attribute} not learnt from", unnamed
        )
        thin = {text: f"{text} (labels.buffer draws them)" for text in _THIN}
        told = {thin.get(text, text): which for text, which in self.reading.findings.items()}
        self.reading = replace(self.reading, findings=told)
        self.height, self.width = info.height, info.width

    def _classify(self, path: Path, settings: LabelSettings) -> NDArray[np.int32]:
        if self._attribute is None:
            covered = [n for n in range(len(settings.classes)) if n != self._fill]
            if len(covered) > 1:
                raise SettingsError(
                    f"labels.attribute is missing: {path} has polygons of {len(covered)} classes; "
                    "name the attribute that tells them apart, or make all but one the background"
                )
            return np.full(len(self._polygons), covered[0], np.int32)
        ids_by_value = class_ids(settings)
        self._values = tuple(_alike(value, ids_by_value) for value in self._values)
        strangers = Counter(v for v in self._values if v is not None and v not in ids_by_value)
        if strangers and settings.unknown == "error":
            shown = ", ".join(f"{v!r} ({n} polygons)" for v, n in strangers.most_common(5))
            more = f" and {len(strangers) - 5} more" if len(strangers) > 5 else ""
            raise SourceError(
                f"{path}: attribute {self._attribute} holds {shown}{more}, which settings do "
                "not name; add them to a class or to labels.ignore, or set labels.unknown to "
                "'ignore'"
            )
        ids = [IGNORE if v is None else ids_by_value.get(v, IGNORE) for v in self._values]
        return np.array(ids, np.int32)

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` class ids or ``IGNORE``; see `Labels.read`."""
        return self._polygons.burn(
            window, self._ids, fill=self._fill, all_touched=self._all_touched
        )

    def close(self) -> None:
        """Do nothing, for no file is open."""


class VectorObjects:
    """Ids of the objects of a vector file: each shape, or all shapes of one object, has its own."""

    def __init__(self, address: VectorAddress, info: ImageInfo, buffer: float | str | None) -> None:
        """Read the shapes that touch an image; crowds of many objects are left out.

        Raises:
            SourceError: the file cannot be read.
        """
        address.check_exists("instances")
        self.identity = _identity(address)
        attribute = "object" if annotated_attribute(address.path) else None
        width = None if buffer is None else Buffer.parse(buffer)
        placed = _read(address, self.identity, info, attribute, width)
        numbers = range(1, len(placed.polygons) + 1) if attribute is None else placed.values
        ids = np.array(numbers, np.int32).reshape(-1)
        self._polygons, self._ids = placed.polygons.take(ids > 0), ids[ids > 0]
        self.reading = placed.reading

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` ids of objects, 0 for background."""
        return self._polygons.burn(window, self._ids, fill=0)


@lru_cache(maxsize=64)
def _read(
    address: VectorAddress,
    identity: Identity,
    info: ImageInfo,
    attribute: str | None,
    buffer: Buffer | None,
) -> PlacedPolygons:
    """Read a file once for all threads, until it changes."""
    return read_polygons(address, info, attribute=attribute, buffer=buffer)


def _identity(address: VectorAddress) -> Identity:
    path = address.path
    stated = (("stated", address.stated),) if address.stated else ()
    return (("path", str(path.resolve())), *files_identity(_files(path)), *stated)


def _alike(value: int | str | None, known: Mapping[int | str, int]) -> int | str | None:
    """Return what settings name: number 1 for the text "1", and the other way round."""
    if value is None or value in known:
        return value
    other = str(value) if isinstance(value, int) else _whole(value)
    return other if other in known else value


def _whole(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _files(path: Path) -> Iterable[str]:
    """Return what a vector file consists of: a shapefile keeps attributes beside its shapes."""
    if path.is_dir():
        return map(str, path.rglob("*"))
    several = path.suffix.lower() in (".mif", ".shp", ".tab")
    beside = path.parent.glob(f"{glob.escape(path.stem)}.*")
    return map(str, beside if several else [path])
