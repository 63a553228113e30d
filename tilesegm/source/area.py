"""Areas of interest: which pixels of an image are worth computing."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
import rasterio.features
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo

__all__ = ["Area", "MaskArea", "PolygonArea", "open_area"]

_RASTERS = {".tif", ".tiff", ".vrt", ".png", ".jp2", ".img"}


class Area(Protocol):
    """An area of interest on the grid of an image."""

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """Names and values that differ when the area differs."""
        ...

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        ...


class PolygonArea:
    """Polygons in the pixel coordinates of an image; a pixel counts when its centre is inside."""

    def __init__(self, polygons: list[Any], identity: tuple[tuple[str, str], ...]) -> None:
        import shapely

        self._polygons = polygons
        self._tree = shapely.STRtree(polygons)
        self.identity = identity

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        import shapely

        box = shapely.box(window.col, window.row, window.stop_col, window.stop_row)
        near = [self._polygons[n] for n in self._tree.query(box)]
        shape = (window.height, window.width)
        if not near:
            return np.zeros(shape, bool)
        inside: NDArray[np.bool_] = rasterio.features.geometry_mask(
            near, shape, Affine.translation(window.col, window.row), invert=True
        )
        return inside


class MaskArea:
    """A raster on the grid of the image; pixels other than 0 and its nodata count."""

    def __init__(self, path: Path, identity: tuple[tuple[str, str], ...]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._dataset = rasterio.open(path)
        self.identity = identity

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        part = rasterio.windows.Window(window.col, window.row, window.width, window.height)
        values = self._dataset.read(1, window=part)
        inside: NDArray[np.bool_] = (values != 0) & (self._dataset.read_masks(1, window=part) != 0)
        return inside


def open_area(path: str | Path, info: ImageInfo) -> Area:
    """Open a polygon file in any coordinate system, or a mask raster on the image's grid.

    Raises:
        SourceError: the file cannot be read, has another grid, or misses the image.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"area of interest {path} does not exist")
    identity = (("area", _hash(path)),)
    if path.suffix.lower() in _RASTERS:
        return _open_mask(path, info, identity)
    return PolygonArea(_polygons_on_grid(path, info), identity)


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
    transform = info.georeference.transform
    if transform and not dataset.transform.is_identity:
        size = max(abs(transform[0]), abs(transform[4]))
        if not np.allclose(tuple(dataset.transform)[:6], transform, rtol=0, atol=1e-3 * size):
            raise SourceError(
                f"mask {path} lies elsewhere than the image; warp it to its grid first"
            )
    return area


def _polygons_on_grid(path: Path, info: ImageInfo) -> list[Any]:
    try:
        import pyogrio
        import shapely
        import shapely.affinity
    except ImportError as error:
        raise SourceError(
            f'polygons such as {path} need two more packages: pip install "tilesegm[vector]"'
        ) from error
    try:
        meta, _, encoded, _ = pyogrio.raw.read(path, columns=[])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise SourceError(f"area of interest {path} cannot be read: {error}") from error
    shapes = [shape for shape in shapely.from_wkb(encoded) if shape is not None]
    georeference = info.georeference
    if georeference.transform is None:
        raise SourceError(
            f"polygons of {path} cannot be placed: {info.uri} has no georeference; give a mask "
            "raster of the image's size instead"
        )
    if meta["crs"] and georeference.crs:
        shapes = [
            shapely.geometry.shape(
                rasterio.warp.transform_geom(meta["crs"], georeference.crs, shape.__geo_interface__)
            )
            for shape in shapes
        ]
    inverse = ~Affine(*georeference.transform)
    shapes = [
        shapely.affinity.affine_transform(
            shape, [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
        )
        for shape in shapes
    ]
    image = shapely.box(0, 0, info.width, info.height)
    polygons = [
        shape
        for shape in shapes
        if shape.geom_type in ("Polygon", "MultiPolygon") and shape.intersects(image)
    ]
    if not polygons:
        raise SourceError(
            f"area of interest {path} misses the image {info.uri}: none of its {len(shapes)} "
            "shapes is a polygon that touches it; check its coordinate system"
        )
    return polygons
