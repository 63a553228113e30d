"""The files that an image is read from: a mosaic names others, and some lie beside a raster."""

from __future__ import annotations

import os
from pathlib import Path

from rasterio.errors import RasterioError

from tilesegm.source.gdal import open_quietly
from tilesegm.source.names import is_zarr
from tilesegm.source.remote import is_remote

__all__ = ["files_of"]

_MOST = 100_000
"""Files of a mosaic of mosaics that are looked at."""


def files_of(image: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the local files that an image is read from, those that it names itself included.

    Args:
        image: path or URL. What GDAL cannot open is one file, and a Zarr store one folder.
    """
    found: dict[Path, None] = {}
    waiting = [os.fspath(image)]
    while waiting and len(found) < _MOST:
        name = waiting.pop()
        if is_remote(name) or not os.path.lexists(name) or Path(name) in found:
            continue
        found[Path(name)] = None
        if name == os.fspath(image) or name.lower().endswith(".vrt"):
            waiting += _listed(name)
    return tuple(found)


def _listed(name: str) -> list[str]:
    if is_zarr(name) or not (os.path.isfile(name) or os.path.isdir(name)):
        return []
    beside = [str(path) for path in Path(name).parent.glob(f"{_escaped(Path(name).stem)}.*")]
    vectors = beside if name.lower().endswith((".shp", ".tab", ".mif")) else []
    try:
        with open_quietly(name) as dataset:
            return [*dataset.files, *vectors]
    except (RasterioError, OSError):
        return vectors


def _escaped(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
