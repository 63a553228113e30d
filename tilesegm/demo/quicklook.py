"""Rasters as panels, at the size of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from tilesegm.classes import ClassInfo
from tilesegm.errors import SourceError
from tilesegm.pictures.colours import colour_classes, colour_errors
from tilesegm.pictures.rendering import Rendering
from tilesegm.pictures.sheet import Panel, Sheet, write_sheet
from tilesegm.source.gdal import open_quietly

__all__ = ["quicklook_panels", "write_quicklook"]


def quicklook_panels(
    image: Path, truth: Path, predicted: Path, classes: Sequence[ClassInfo], side: int
) -> list[Panel]:
    """Read image, truth, prediction and errors, no side longer than ``side`` pixels.

    Files are read from overviews where they have them.

    Args:
        image: raster of the image.
        truth: raster of class ids; ids that are no class, such as nodata, are unlabelled.
        predicted: class map on the same grid.
        classes: names and colours, in the order of the ids.
        side: longest side of a panel in pixels.

    Raises:
        SourceError: a raster cannot be read.
    """
    pixels = np.moveaxis(_read(image, side, Resampling.average), 0, -1)
    actual, given = (_read(path, side, Resampling.nearest)[0] for path in (truth, predicted))
    return [
        Panel("image", Rendering.of([(pixels, None)]).draw(pixels)),
        Panel("truth", colour_classes(actual, classes)),
        Panel("prediction", colour_classes(given, classes)),
        Panel("errors, in the colour of the true class", colour_errors(actual, given, classes)),
    ]


def write_quicklook(path: Path, panels: Sequence[Panel], classes: Sequence[ClassInfo]) -> Path:
    """Write panels in rows of two with a legend below.

    Raises:
        OutputError: the picture cannot be written.
    """
    rows = [panels[first : first + 2] for first in range(0, len(panels), 2)]
    return write_sheet(path, Sheet(rows, classes))


def _read(path: Path, side: int, resampling: Resampling) -> NDArray[Any]:
    """Read all bands, ``(bands, H, W)``, no side longer than ``side`` pixels."""
    try:
        with open_quietly(str(path)) as file:
            scale = min(1.0, side / max(file.height, file.width))
            shape = [max(1, round(length * scale)) for length in (file.height, file.width)]
            return np.asarray(file.read(out_shape=(file.count, *shape), resampling=resampling))
    except (RasterioError, OSError) as error:
        raise SourceError(f"cannot read {path} for a quicklook: {error}") from error
