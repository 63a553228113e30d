"""Rasters as panels, at the size of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilesegm.cartography.scene import resized
from tilesegm.cartography.shrinking import (
    Shape,
    open_coarse,
    shape_within,
    shrink_ids,
    shrink_pixels,
)
from tilesegm.classes import ClassInfo
from tilesegm.pictures.colours import colour_classes, colour_errors
from tilesegm.pictures.rendering import Rendering
from tilesegm.pictures.sheet import Panel, Sheet, write_sheet
from tilesegm.source.base import Source
from tilesegm.source.open import open_source

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
    with closing(open_source(image)) as source:
        shape = shape_within(source.info.height, source.info.width, side)
    with closing(open_coarse(partial(_open, image), shape)) as source:
        pixels = shrink_pixels(source, shape)
    drawn = Rendering.of([(pixels.values, pixels.valid)]).draw(pixels.values, pixels.valid)
    actual, given = (_ids(path, shape) for path in (truth, predicted))
    return [
        Panel("image", resized(drawn, shape)),
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


def _open(path: Path, level: int) -> Source:
    return open_source(path, level=level)


def _ids(path: Path, shape: Shape) -> NDArray[np.uint16]:
    with closing(open_coarse(partial(_open, path), shape)) as source:
        return shrink_ids(source, shape)
