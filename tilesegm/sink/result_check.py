"""Checks of a finished result of any format."""

from __future__ import annotations

from pathlib import Path

from tilesegm.errors import OutputError
from tilesegm.sink.findings import Findings
from tilesegm.sink.png_map import check_png
from tilesegm.sink.tiff_check import check_tiff
from tilesegm.sink.zarr_seal import check_zarr

__all__ = ["check_result"]


def check_result(path: Path) -> Findings:
    """Compare a finished GeoTIFF or Zarr with its digests, to the last byte, or decode a PNG.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        if path.suffix.lower() == ".png":
            return check_png(path)
        return check_zarr(path) if path.is_dir() else check_tiff(path)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise OutputError(f"result {path} cannot be read ({reason})") from error
