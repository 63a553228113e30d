"""Areas of interest: which pixels of an image are worth computing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import Georeference, ImageInfo, same_place
from tilesegm.source.gdal import open_quietly
from tilesegm.source.identity import Identity
from tilesegm.source.polygons import Polygons, read_polygons
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

    def __init__(self, path: Path, identity: tuple[tuple[str, str], ...]) -> None:
        self._dataset = open_quietly(str(path))
        self.identity = identity
        self.files = tuple(self._dataset.files)
        self.reading: Reading | None = None

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        part = rasterio.windows.Window(window.col, window.row, window.width, window.height)
        values = self._dataset.read(1, window=part)
        inside: NDArray[np.bool_] = (values != 0) & (self._dataset.read_masks(1, window=part) != 0)
        return inside


def open_area(path: str | Path, info: ImageInfo) -> Area:
    """Open a polygon file in any coordinate system, or a mask raster on the image's grid.

    Args:
        path: of the file; of a polygon file also ``FILE|layername=NAME|crs=EPSG:CODE``.
        info: of the image.

    Raises:
        SourceError: the file cannot be read, has another grid, or misses the image.
    """
    if not is_vector(path):
        path = Path(path)
        if not path.exists():
            raise SourceError(f"area of interest {path} does not exist")
        return _open_mask(path, info, (("area", _hash(path)),))
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


def _open_mask(path: Path, info: ImageInfo, identity: tuple[tuple[str, str], ...]) -> MaskArea:
    try:
        area = MaskArea(path, identity)
    except rasterio.errors.RasterioIOError as error:
        raise SourceError(f"area of interest {path} cannot be read: {error}") from error
    dataset = area._dataset
    if (dataset.height, dataset.width) != (info.height, info.width):
        raise SourceError(
            f"mask {path} has {dataset.height} x {dataset.width} pixels and the image "
            f"{info.height} x {info.width}; warp it to the image's grid first"
        )
    at = None if dataset.transform.is_identity else tuple(dataset.transform)[:6]
    there = Georeference(transform=at)
    if not same_place(info.georeference, there, info.height, info.width):
        raise SourceError(f"mask {path} lies elsewhere than the image; warp it to its grid first")
    return area
