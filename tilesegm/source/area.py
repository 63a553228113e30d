"""Areas of interest: which pixels of an image are worth computing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Source, same_place
from tilesegm.source.identity import Identity
from tilesegm.source.names import file_of
from tilesegm.source.open import open_source
from tilesegm.source.polygons import Polygons, read_polygons
from tilesegm.source.remote import is_remote
from tilesegm.source.vector.address import VectorAddress, is_vector
from tilesegm.source.vector.reading import Reading

__all__ = ["Area", "MaskArea", "PolygonArea", "open_area"]


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


class MaskArea:
    """A raster on the grid of the image; pixels other than 0 and its nodata count."""

    def __init__(self, source: Source, identity: Identity) -> None:
        self._source = source
        self.identity = identity
        info = source.info
        more = f"{info.uri}: the first of {info.bands} bands is taken as the mask"
        self.notes = (
            *(f"{info.uri}: {note}" for note in info.notes),
            *((more,) if info.bands > 1 else ()),
        )
        self.files = info.files
        self.reading: Reading | None = None

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        pixels = self._source.read(window)
        inside: NDArray[np.bool_] = pixels.values[..., 0] != 0
        return inside if pixels.valid is None else inside & pixels.valid


def open_area(path: str | Path, info: ImageInfo) -> Area:
    """Open a polygon file in any coordinate system, or a mask raster on the image's grid.

    Args:
        path: of the file or Zarr store; of a polygon file also
            ``FILE|layername=NAME|crs=EPSG:CODE``.
        info: of the image.

    Raises:
        SourceError: the file cannot be read, has another grid, or misses the image.
    """
    if not is_vector(path):
        if not is_remote(str(path)) and not Path(file_of(str(path))).exists():
            raise SourceError(f"area of interest {path} does not exist")
        return _open_mask(str(path), info)
    address = VectorAddress.parse(path)
    address.check_exists("area of interest")
    try:
        placed = read_polygons(address, info)
        if placed.reading.elsewhere:
            raise SourceError(placed.reading.elsewhere)
    except SourceError as error:
        raise SourceError(f"area of interest: {error}") from error
    identity: Identity = (("area", _hash(address.path)),)
    if len(placed.reading.layers) > 1 or address.stated:
        identity += (("area as", repr((*placed.reading.layers, address.stated))),)
    return PolygonArea(placed.polygons, identity, placed.reading)


def _hash(path: Path) -> str:
    """Hash a file, or all files of a folder such as a geodatabase."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _open_mask(path: str, info: ImageInfo) -> MaskArea:
    try:
        source = open_source(path)
    except SourceError as error:
        raise SourceError(f"area of interest {path} cannot be read: {error}") from error
    try:
        _check_grid(source.info, info)
    except SourceError:
        source.close()
        raise
    # The same mask elsewhere is the same area.
    local = (("area", _hash(Path(file_of(path)))),) if not is_remote(path) else ()
    page = (("area as", path),) if file_of(path) != path else ()
    return MaskArea(source, (*local, *page) or source.info.identity)


def _check_grid(mask: ImageInfo, image: ImageInfo) -> None:
    """Refuse a mask on another grid than that of the image."""
    if (mask.height, mask.width) != (image.height, image.width):
        raise SourceError(
            f"mask {mask.uri} has {mask.height} x {mask.width} pixels and the image "
            f"{image.height} x {image.width}; warp it to the image's grid first"
        )
    if not same_place(image.georeference, mask.georeference, image.height, image.width):
        raise SourceError(
            f"mask {mask.uri} lies elsewhere than the image; warp it to its grid first"
        )
