"""The GeoTIFF of a cleaned map."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from tilesegm.products.workplace import check_target
from tilesegm.shown import line_of
from tilesegm.sink.provenance import CLEANED, MapFacts
from tilesegm.sink.standing import check_ours
from tilesegm.source.gdal import without_warnings
from tilesegm.version import __version__

__all__ = ["CleanFile", "check_clean_output"]

_BLOCK = 512


def check_clean_output(output: Path, class_map: ClassMap) -> None:
    """Refuse an output that cannot be written, or would replace what is not ours or is read.

    Raises:
        SettingsError: it is no ``.tif``.
        OutputError: with what is wrong and how to mend it.
    """
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise SettingsError(f"output {output} is a GeoTIFF; expected a name that ends in .tif")
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
        )
        self._tags = {**own.raster_tags(), "LAYER": "classes", CLEANED: steps}
        self._dtype, self._nodata = _type_for(class_map, len(classes))

    def write(
        self,
        strips: Iterable[tuple[NDArray[np.int32], int]],
        progress: Callable[[float], None],
    ) -> int:
        """Write rows of ids, -1 where there is none, and return the sum of their numbers.

        Raises:
            OutputError: the file cannot be written.
        """
        draft = self._path.with_name("rows.tif")
        try:
            with without_warnings(UserWarning), rasterio.Env(GDAL_CACHEMAX=64 << 20):
                changed = self._write_rows(draft, strips, progress)
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
        except (OSError, RasterioError) as error:
            raise OutputError(
                f"cannot write {self._path.name}: {line_of(error)}; free space there"
            ) from error
        remove(draft)
        return changed

    def _write_rows(
        self, draft: Path, strips: Iterable[tuple[NDArray[np.int32], int]], progress: Any
    ) -> int:
        info, changed, top = self._info, 0, 0
        waiting = np.zeros((0, info.width), self._dtype)
        with rasterio.open(draft, "w", **self._profile()) as file:
            file.update_tags(**self._tags, **_resolution(info))
            if self._classes:
                table = {n: (*one.colour, 255) for n, one in enumerate(self._classes)}
                file.write_colormap(1, table)
            gcps = info.georeference.gcps
            if gcps:
                points = [GroundControlPoint(r, c, x, y, z) for r, c, x, y, z in gcps]
                file.gcps = points, info.georeference.gcp_crs
            for ids, count in strips:
                changed += count
                new = np.where(ids < 0, self._nodata, ids).astype(self._dtype)
                waiting = np.concatenate([waiting, new])
                last = top + len(waiting) == info.height
                rows = len(waiting) if last else len(waiting) // _BLOCK * _BLOCK
                if rows:
                    file.write(waiting[:rows], 1, window=Window(0, top, info.width, rows))
                    waiting, top = waiting[rows:], top + rows
                progress((top + len(waiting)) / info.height)
        return changed

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
