"""Labels as polygons of a vector file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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
from tilesegm.source.polygons import Polygons, read_polygons

__all__ = ["VectorLabels"]


class VectorLabels:
    """Polygons with an attribute, drawn window by window; of overlapping ones the last wins."""

    def __init__(self, path: Path, settings: LabelSettings, info: ImageInfo) -> None:
        """Read the polygons that touch an image.

        Raises:
            SourceError: the file cannot be read, misses the image, or holds a value that
                ``settings`` do not know.
            SettingsError: ``settings`` do not say which attribute holds the class.
        """
        if not path.exists():
            raise SourceError(f"labels {path} do not exist; check the path")
        names = [entry.name for entry in settings.classes]
        self._fill = IGNORE if settings.background is None else names.index(settings.background)
        self._all_touched = settings.all_touched
        self.identity: Identity = (("path", str(path.resolve())), *files_identity(_files(path)))
        self._polygons, self._values = _read(
            path, self.identity, info, settings.layer, settings.attribute
        )
        self._ids = self._classify(path, settings)
        self.height, self.width = info.height, info.width

    def _classify(self, path: Path, settings: LabelSettings) -> NDArray[np.int32]:
        if settings.attribute is None:
            covered = [n for n in range(len(settings.classes)) if n != self._fill]
            if len(covered) > 1:
                raise SettingsError(
                    f"labels.attribute is missing: {path} has polygons of {len(covered)} classes; "
                    "name the attribute that tells them apart, or make all but one the background"
                )
            return np.full(len(self._polygons), covered[0], np.int32)
        ids_by_value = class_ids(settings)
        strangers = Counter(v for v in self._values if v is not None and v not in ids_by_value)
        if strangers and settings.unknown == "error":
            shown = ", ".join(f"{v!r} ({n} polygons)" for v, n in strangers.most_common(5))
            more = f" and {len(strangers) - 5} more" if len(strangers) > 5 else ""
            raise SourceError(
                f"{path}: attribute {settings.attribute} holds {shown}{more}, which settings do "
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


@lru_cache(maxsize=64)
def _read(
    path: Path, identity: Identity, info: ImageInfo, layer: str | None, attribute: str | None
) -> tuple[Polygons, tuple[int | str | None, ...]]:
    """Read a file once for all threads, until it changes."""
    return read_polygons(path, info, layer=layer, attribute=attribute)


def _files(path: Path) -> Iterable[str]:
    """Return what a vector file consists of: a shapefile keeps attributes beside its shapes."""
    if path.is_dir():
        return map(str, path.rglob("*"))
    return map(str, path.parent.glob(f"{path.stem}.*") if path.suffix == ".shp" else [path])
