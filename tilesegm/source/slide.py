"""What the metadata of a microscope TIFF say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Any

import tifffile

from tilesegm.errors import SourceError

__all__ = ["check_codec", "left_out", "map_pixel_size", "microscope", "pixel_size"]

_MICROMETRES = {"nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
_CENTIMETRE, _INCH = 3, 2
_RESOLUTION_UNIT = {_CENTIMETRE: 1e4, _INCH: 2.54e4}
"""Micrometres in the unit that TIFF tag 296 names."""


def microscope(file: tifffile.TiffFile) -> str:
    """Name the maker's dialect: ``OME-TIFF``, ``SVS``, ``NDPI``, ``SCN``; else ``TIFF``."""
    dialects = {"OME-TIFF": file.is_ome, "SVS": file.is_svs, "NDPI": file.is_ndpi}
    dialects["SCN"] = file.is_scn
    return next((name for name, spoken in dialects.items() if spoken), "TIFF")


def check_codec(path: str, page: Any) -> None:
    """Refuse a compression for which no decoder is installed.

    Raises:
        SourceError: the codec is unknown or its package is missing.
    """
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        if page.predictor != 1:
            tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        name = getattr(page.compression, "name", page.compression)
        raise SourceError(
            f'{path}: no decoder for its {name} compression; run: pip install "tilesegm[wsi]"'
        ) from error


def left_out(file: tifffile.TiffFile, series: Any) -> tuple[str, ...]:
    """Say which images of the file are not read.

    Args:
        file: open.
        series: the image that is read.
    """
    pixels = prod(series.shape)
    peers = [one for one in file.series if 2 * prod(one.shape) > pixels]
    if len(peers) < 2:
        return ()
    return (
        f"the largest of {len(peers)} images, {series.name or 'the first'}, is read, the others"
        " are left out",
    )


def pixel_size(file: tifffile.TiffFile, series: Any, level: int) -> tuple[float, float] | None:
    """Return height and width of a pixel of ``level`` in micrometres, where the file tells it.

    OME-XML comes first, then Aperio's ``MPP``, then the resolution of a slide scanner's tags.
    """
    full, page = series.levels[0].keyframe, series.levels[level].keyframe
    if file.is_ome:
        size = _ome_size(file)
    elif file.is_svs:
        size = _aperio_size(full.description)
    elif file.is_ndpi or file.is_scn:
        size = _tag_size(full)
    else:
        size = None
    if size is None:
        return None
    return (
        size[0] * (full.imagelength / page.imagelength),
        size[1] * (full.imagewidth / page.imagewidth),
    )


def map_pixel_size(tags: Mapping[str, str]) -> tuple[float, float] | None:
    """Return height and width of a pixel in micrometres from the tags of a map of ours.

    Only `tilesegm` is known to write the resolution for slides alone; of photos it says nothing.
    """
    names = "TIFFTAG_YRESOLUTION", "TIFFTAG_XRESOLUTION"
    if "TILESEGM_VERSION" not in tags or not tags.get("TIFFTAG_RESOLUTIONUNIT", "").startswith("3"):
        return None
    try:
        down, across = (_RESOLUTION_UNIT[_CENTIMETRE] / float(tags[name]) for name in names)
    except (KeyError, ValueError, ZeroDivisionError):
        return None
    return down, across


def _ome_size(file: tifffile.TiffFile) -> tuple[float, float] | None:
    images = tifffile.xml2dict(file.ome_metadata).get("OME", {}).get("Image", {})
    pixels = (images[0] if isinstance(images, list) else images).get("Pixels", {})
    sizes = []
    for axis in "YX":
        length = pixels.get(f"PhysicalSize{axis}")
        unit = _MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if length is None or unit is None:
            return None
        sizes.append(float(length) * unit)
    return sizes[0], sizes[1]


def _aperio_size(description: str) -> tuple[float, float] | None:
    size = re.search(r"\bMPP\s*=\s*([\d.]+)", description)
    return (float(size[1]), float(size[1])) if size else None


def _tag_size(page: Any) -> tuple[float, float] | None:
    unit = _RESOLUTION_UNIT.get(int(page.resolutionunit))
    across, down = page.resolution
    return (unit / down, unit / across) if unit and across and down else None
