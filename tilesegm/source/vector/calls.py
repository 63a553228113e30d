"""What libraries raise about vector files, as one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from tilesegm.errors import SourceError, TilesegmError
from tilesegm.shown import line_of
from tilesegm.source.gdal import without_warnings

__all__ = ["vector_calls"]


@contextmanager
def vector_calls(path: Path) -> Iterator[None]:
    """Turn what libraries raise about vectors to one error, and silence their warnings.

    Raises:
        SourceError: a package is missing, or a library raised an error.
    """
    try:
        import pyogrio
        import shapely
    except ImportError as error:
        raise SourceError(
            f'polygons such as {path} need two more packages: pip install "tilesegm[vector]"'
        ) from error
    # A GML file may name a schema at any address.
    pyogrio.set_gdal_config_options({"GML_DOWNLOAD_SCHEMA": "NO"})
    try:
        with without_warnings(RuntimeWarning, UserWarning):
            yield
    except TilesegmError:
        raise
    except (
        ArithmeticError,
        CPLE_BaseError,
        LookupError,
        MemoryError,
        OSError,
        RasterioError,
        RuntimeError,
        ValueError,
        shapely.errors.ShapelyError,
    ) as error:
        raise SourceError(f"{path} cannot be read: {_reason(path, error)}") from error


def _reason(path: Path, error: Exception) -> str:
    """Say in one line what a library complains about, and what helps."""
    reason = line_of(error)
    if "not recognized as being in a supported file format" not in reason:
        return reason.removeprefix(f"{path}: ")
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        import pyogrio

        if "Parquet" not in pyogrio.list_drivers():
            return (
                "this pyogrio reads no Parquet; convert the file to GeoPackage, or install pyogrio "
                "from conda-forge"
            )
    return "it is no vector file that GDAL knows, or damaged; save it again, as GeoPackage for one"
