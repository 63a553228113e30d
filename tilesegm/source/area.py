"""Areas of interest: which pixels of an image are worth computing."""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.identity import Identity
from tilesegm.source.mask_area import hash_files, open_mask
from tilesegm.source.names import file_of
from tilesegm.source.polygons import Polygons, read_polygons
from tilesegm.source.remote import is_remote
from tilesegm.source.vector.address import VectorAddress, is_vector
from tilesegm.source.vector.reading import Reading

__all__ = ["Area", "PolygonArea", "open_area"]


class Area(Protocol):
    """An area of interest on the grid of an image."""

    @property
    def reading(self) -> Reading | None:
        """What is to be told of a vector file."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out of a mask, in a line each."""
        ...

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """Names and values that differ when the area differs."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """Files that are read while a mask is asked for; nothing where all was read before."""
        ...

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        ...


class PolygonArea:
    """Polygons on the grid of an image; a pixel counts when its centre is inside."""

    def __init__(
        self,
        polygons: Polygons,
        identity: tuple[tuple[str, str], ...],
        reading: Reading | None = None,
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._polygons = polygons
        self._ones = np.ones(len(polygons), np.int32)
        self.identity = identity
        self.files: tuple[str, ...] = ()
        self.reading = reading

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        return self._polygons.burn(window, self._ones, fill=0).astype(bool)


def open_area(area: Any, info: ImageInfo) -> Area:
    """Open a polygon file in any coordinate system, or a mask of any resolution.

    Args:
        area: path of the file or Zarr store, of a polygon file also
            ``FILE|layername=NAME|crs=EPSG:CODE``; or a mask as an array; see `open_mask`.
        info: of the image.

    Raises:
        SourceError: the file cannot be read, does not fit the image, or misses it.
    """
    if not isinstance(area, str | os.PathLike):
        return open_mask(area, info)
    path = os.fspath(area)
    if not is_vector(path):
        if not is_remote(path) and not os.path.exists(file_of(path)):
            raise SourceError(f"area of interest {path} does not exist")
        return open_mask(path, info)
    address = VectorAddress.parse(path)
    address.check_exists("area of interest")
    try:
        placed = read_polygons(address, info)
        if placed.reading.elsewhere:
            raise SourceError(placed.reading.elsewhere)
    except SourceError as error:
        raise SourceError(f"area of interest: {error}") from error
    identity: Identity = (("area", hash_files(address.path)),)
    if len(placed.reading.layers) > 1 or address.stated:
        identity += (("area as", repr((*placed.reading.layers, address.stated))),)
    return PolygonArea(placed.polygons, identity, placed.reading)
