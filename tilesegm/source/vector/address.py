"""How users name vector files, and what a file is opened by."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from tilesegm.errors import SourceError
from tilesegm.shown import line_of
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.remote import is_remote
from tilesegm.source.vector.leading import check_leading

__all__ = ["PIXELS", "VectorAddress", "is_vector"]

PIXELS = "pixels"
"""Stands for a coordinate system: x counts columns and y rows of the image."""

_SUFFIXES = {
    ".csv", ".fgb", ".gdb", ".geojson", ".geojsonl", ".geojsons", ".geoparquet", ".gml", ".gpkg",
    ".json", ".kml", ".kmz", ".mif", ".ndjson", ".parquet", ".shp", ".shz", ".sqlite", ".tab",
    ".topojson",
}  # fmt: skip

_KEYS = ("layername", "crs", "scale")


@dataclass(frozen=True)
class VectorAddress:
    """A vector file with a layer and a coordinate system, as far as they are stated."""

    path: Path
    """File, archive, or folder of a geodatabase."""
    layer: str | None = None
    crs: str | None = None
    """Stated in place of that of the file; ``pixels`` for those of the image."""
    scale: float = 1.0
    """Pixels of the image for each of the pixels that coordinates count."""

    @classmethod
    def parse(cls, text: str | Path) -> Self:
        """Read ``FILE``, ``FILE|layername=NAME`` as in QGIS, or ``FILE|crs=EPSG:25832``.

        ``FILE|crs=pixels`` says that coordinates count pixels of the image, and ``|scale=4`` that
        each of them is four of the image, for shapes that were drawn on a smaller one.

        Raises:
            SourceError: another key is stated, or a value is missing.
        """
        file, *stated = str(text).split("|")
        if Path(text).exists() or not stated:
            return cls(Path(text))
        values: dict[str, str] = {}
        for each in stated:
            key, _, value = each.partition("=")
            if key not in _KEYS or not value:
                raise SourceError(
                    f"{text}: {each!r} is not understood; after the file may stand "
                    "'|layername=NAME', '|crs=EPSG:CODE' (or '|crs=pixels') and '|scale=NUMBER'"
                )
            values[key] = value
        scale = _scale(text, values.get("scale", "1"))
        return cls(Path(file), values.get("layername"), values.get("crs"), scale)

    @property
    def stated(self) -> str:
        """What is stated beside the file, as users write it."""
        scale = f"{self.scale:.12g}" if self.scale != 1 else None
        pairs = (("layername", self.layer), ("crs", self.crs), ("scale", scale))
        return "".join(f"|{key}={value}" for key, value in pairs if value)

    def check_exists(self, what: str) -> None:
        """Refuse a file that is not there.

        Raises:
            SourceError: there is none.
        """
        if not self.path.exists():
            advice = "download it first" if is_remote(str(self.path)) else "check the path"
            raise SourceError(f"{what} {self.path} does not exist; {advice}")

    def datasets(self) -> list[str]:
        """Return what GDAL opens: the file, or each vector file in an archive.

        Raises:
            SourceError: the archive cannot be read, or the file leads to others.
        """
        try:
            check_leading(self.path)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise SourceError(f"{self.path} cannot be read: {line_of(error)}") from error
        if self.path.suffix.lower() != ".zip":
            return [str(self.path)]
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = sorted(archive.namelist())
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceError(f"{self.path} cannot be read: {error}") from error
        found = dict.fromkeys(filter(None, map(_dataset, names)))
        if not found:
            raise SourceError(
                f"{self.path} cannot be read: no file in the archive is a vector file; it holds "
                f"{', '.join(names[:3]) or 'nothing'}"
            )
        return [f"/vsizip/{{{self.path.absolute()}}}/{name}" for name in found]


def is_vector(path: str | Path) -> bool:
    """Tell a vector file from a raster by its suffix, and annotations in XML by their contents."""
    path = Path(str(path).partition("|")[0])
    if path.suffix.lower() == ".zip":
        return ".zarr" not in path.name.lower()
    if path.suffix.lower() == ".xml":
        return open_annotations(path) is not None
    return path.suffix.lower() in _SUFFIXES


def _scale(address: str | Path, text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 1e-6 <= scale <= 1e6:
        raise SourceError(
            f"{address}: scale={text} is no number above 0; give the pixels of the image for each "
            "that coordinates count, such as scale=4"
        )
    return scale


def _dataset(name: str) -> str | None:
    """Return the vector file that a member of an archive is, or belongs to."""
    path = PurePosixPath(name)
    if "__MACOSX" in path.parts or path.name.startswith("."):
        return None
    for parent in path.parents:
        if parent.suffix.lower() == ".gdb":
            return str(parent)
    # A shapefile alone says where it is: the table beside it is no file of its own.
    return name if path.suffix.lower() in _SUFFIXES - {".csv", ".json"} else None
