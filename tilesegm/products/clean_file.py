"""The file of a cleaned map: a GeoTIFF, or an OME-Zarr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.errors import RasterioError
from rasterio.windows import Window

from tilesegm.classes import ClassInfo
from tilesegm.errors import OutputError, SettingsError
from tilesegm.files import remove
from tilesegm.products.class_map import ClassMap
from tilesegm.products.clean_zarr import write_zarr
from tilesegm.products.workplace import check_target
from tilesegm.shown import line_of
from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.standing import check_ours
from tilesegm.sink.tiff_check import check_whole, file_beside
from tilesegm.sink.tiff_seal import BLANK, DIGEST_TAG, seal_tiff
from tilesegm.source.gdal import without_warnings
from tilesegm.version import __version__

__all__ = ["CleanFile", "check_clean_output"]

_BLOCK = 512
Strip = tuple[NDArray[np.int32], int]
"""Rows of ids, -1 where there is none, and how many of their pixels have changed."""


def check_clean_output(output: Path, class_map: ClassMap) -> None:
    """Refuse an output that cannot be written, or would replace what is not ours or is read.

    Raises:
        SettingsError: it is neither a ``.tif`` nor a ``.zarr``.
        OutputError: with what is wrong and how to mend it.
    """
    if output.suffix.lower() not in (".tif", ".tiff", ".zarr"):
        raise SettingsError(
            f"output {output} is a GeoTIFF or an OME-Zarr; expected a name that ends in .tif or "
            ".zarr"
        )
    check_target(output, class_map.reads)
    check_ours(output)


class CleanFile:
    """A class map that is written from top to bottom.

    Args:
        path: of the file.
        class_map: what it was made of.
        classes: names and colours by id.
        steps: what was done, as JSON.
    """

    def __init__(
        self, path: Path, class_map: ClassMap, classes: tuple[ClassInfo, ...], steps: str
    ) -> None:
        self._path, self._info = path, class_map.info
        self._classes = classes
        facts = class_map.facts
        named = classes if class_map.names else ()
        own = MapFacts(
            classes=named,
            version=__version__,
            model=facts.model,
            image=facts.image,
            resolution=facts.resolution,
            original=facts.original,
            cleaned=steps,
        )
        self._facts = own
        self._palette = facts.palette
        self._dtype, self._nodata = _type_for(class_map, len(classes))

    def write(
        self,
        strips: Iterable[Strip],
        progress: Callable[[float], None],
    ) -> int:
        """Write rows of ids, -1 where there is none, and return the sum of their numbers.

        Raises:
            OutputError: the file cannot be written.
        """
        if self._path.suffix.lower() == ".zarr":
            return self._write_zarr(strips, progress)
        draft = self._path.with_name("rows.tif")
        rows = _Rows(strips, self._info.height, self._dtype, self._nodata)
        try:
            with without_warnings(UserWarning), rasterio.Env(GDAL_CACHEMAX=64 << 20):
                self._write_rows(draft, rows, progress)
                rasterio.shutil.copy(
                    str(draft),
                    str(self._path),
                    driver="COG",
                    COMPRESS="DEFLATE",
                    LEVEL=3,
                    BLOCKSIZE=_BLOCK,
                    BIGTIFF="IF_SAFER",
                    OVERVIEW_RESAMPLING="MODE",
                )
            check_whole(self._path)
            seal_tiff(self._path, file_beside(self._path))
        except (OSError, RasterioError) as error:
            raise OutputError(
                f"cannot write {self._path.name}: {line_of(error)}; free space there"
            ) from error
        remove(draft)
        return rows.changed

    def _write_zarr(self, strips: Iterable[Strip], progress: Callable[[float], None]) -> int:
        if self._dtype.itemsize > 2:
            raise SettingsError(
                f"{self._info.uri} has {len(self._classes):,} ids, and a .zarr holds up to 65,535; "
                "write a .tif"
            )
        rows = _Rows(strips, self._info.height, self._dtype, self._nodata)
        # Colours of a Zarr belong to names; without any they are named by their numbers.
        named = self._facts.classes or (self._classes if self._palette else ())
        facts = replace(self._facts, classes=named, georeference=self._info.georeference)
        layer = Layer("classes", self._dtype, nodata=self._nodata, overview="mode")
        size = self._info.height, self._info.width
        write_zarr(self._path, layer, facts, size, rows, progress)
        return rows.changed

    def _write_rows(self, draft: Path, rows: _Rows, progress: Callable[[float], None]) -> None:
        info = self._info
        with rasterio.open(draft, "w", **self._profile()) as file:
            tags = {**self._facts.raster_tags(), "LAYER": "classes", DIGEST_TAG: BLANK}
            file.update_tags(**tags, **_resolution(info))
            if self._classes:
                table = {n: (*one.colour, 255) for n, one in enumerate(self._classes)}
                file.write_colormap(1, table)
            gcps = info.georeference.gcps
            if gcps:
                points = [GroundControlPoint(r, c, x, y, z) for r, c, x, y, z in gcps]
                file.gcps = points, info.georeference.gcp_crs
            for top, ids in rows.whole(_BLOCK):
                file.write(ids, 1, window=Window(0, top, info.width, len(ids)))
                progress((top + len(ids)) / info.height)

    def _profile(self) -> dict[str, Any]:
        info = self._info
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "height": info.height,
            "width": info.width,
            "count": 1,
            "dtype": self._dtype,
            "nodata": self._nodata,
            "tiled": True,
            "blockxsize": _BLOCK,
            "blockysize": _BLOCK,
            "compress": "deflate",
            "zlevel": 1,
            "bigtiff": "if_safer",
        }
        if info.georeference.crs:
            profile["crs"] = info.georeference.crs
        if info.georeference.transform:
            profile["transform"] = Affine(*info.georeference.transform)
        return profile


@dataclass
class _Rows:
    """Rows of ids as they are stored, in pieces that hold whole blocks."""

    strips: Iterable[Strip]
    height: int
    dtype: np.dtype[Any]
    nodata: int
    changed: int = 0
    """Sum of the numbers of the strips that were taken."""

    def whole(self, block: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the number of a first row, and rows of as many blocks as there are."""
        top, waiting = 0, None
        for ids, count in self.strips:
            self.changed += count
            new = np.where(ids < 0, self.nodata, ids).astype(self.dtype)
            waiting = new if waiting is None else np.concatenate([waiting, new])
            last = top + len(waiting) == self.height
            rows = len(waiting) if last else len(waiting) // block * block
            if rows:
                yield top, waiting[:rows]
                waiting, top = waiting[rows:], top + rows


def _type_for(class_map: ClassMap, count: int) -> tuple[np.dtype[Any], int]:
    """Return a type that holds all ids, and a value for pixels without one."""
    dtype: np.dtype[Any]
    dtype, most = next(
        (np.dtype(kind), most)
        for kind, most in ((np.uint8, 2**8 - 1), (np.uint16, 2**16 - 1), (np.int32, 2**31 - 1))
        if count <= most
    )
    nodata = class_map.info.nodata
    # Nodata of the map is no id of it.
    kept = nodata is not None and nodata in range(most + 1)
    return dtype, int(nodata) if kept and nodata is not None else most


def _resolution(info: Any) -> dict[str, str]:
    if info.georeference.pixel_size is None:
        return {}
    rows, cols = (repr(1e4 / size) for size in info.georeference.pixel_size)
    return {
        "TIFFTAG_XRESOLUTION": cols,
        "TIFFTAG_YRESOLUTION": rows,
        "TIFFTAG_RESOLUTIONUNIT": "3",
    }
