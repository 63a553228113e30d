"""A small picture of a class map, with a legend that says what the colours mean."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from tilesegm.classes import ClassInfo
from tilesegm.errors import SourceError
from tilesegm.files import replacing

__all__ = ["Panel", "error_panel", "image_panel", "map_panel", "quicklook", "save_panels"]

_PAPER, _INK, _NOTHING = (255, 255, 255), (32, 33, 36), (226, 226, 226)
_GAP = 16
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Panel:
    """A titled picture."""

    def __init__(self, title: str, pixels: NDArray[np.uint8]) -> None:
        """Keep a title and pixels ``(H, W, 3)``."""
        self.title, self.pixels = title, pixels


def quicklook(
    class_map: Path,
    out_png: Path,
    classes: Sequence[ClassInfo],
    *,
    image: Path | None = None,
    max_side: int = 1600,
) -> Path:
    """Draw a class map, beside its image if one is given, with a legend.

    Files are read at the size of the picture, from overviews where they have them.

    Args:
        class_map: Raster of class ids.
        out_png: File to write.
        classes: Names and colours, in the order of the ids.
        image: Raster of the image.
        max_side: Longest side of a panel in pixels.

    Raises:
        SourceError: If a raster cannot be read.
        OutputError: If the picture cannot be written.
    """
    panels = [image_panel("image", image, max_side)] if image else []
    return save_panels(
        [*panels, map_panel("class map", class_map, classes, max_side)], classes, out_png
    )


def image_panel(title: str, path: Path, max_side: int) -> Panel:
    """Read an image as a panel; its first three bands are red, green and blue, or its one is grey.

    Values other than uint8 are stretched from their 2nd to their 98th percentile.
    """
    values = np.moveaxis(_read(path, max_side, Resampling.average), 0, -1)
    values = values[..., :3] if values.shape[-1] >= 3 else np.repeat(values[..., :1], 3, -1)
    if values.dtype != np.uint8:
        low, high = np.nanpercentile(values, (2, 98), axis=(0, 1))
        values = np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1) * 255
    return Panel(title, np.nan_to_num(values).astype(np.uint8))


def map_panel(title: str, path: Path, classes: Sequence[ClassInfo], max_side: int) -> Panel:
    """Read a class map as a panel; ids that are no class, such as nodata, are light grey."""
    return Panel(title, _colour(_read(path, max_side, Resampling.nearest)[0], classes))


def error_panel(
    title: str, truth: Path, predicted: Path, classes: Sequence[ClassInfo], max_side: int
) -> Panel:
    """Show wrong pixels in the colour of their true class, right ones white, unlabelled grey."""
    actual = _read(truth, max_side, Resampling.nearest)[0]
    given = _read(predicted, max_side, Resampling.nearest)[0]
    pixels = _colour(actual, classes)
    pixels[(actual == given) & (actual < len(classes))] = _PAPER
    return Panel(title, pixels)


def save_panels(panels: Sequence[Panel], classes: Sequence[ClassInfo], out_png: Path) -> Path:
    """Write panels side by side, in rows of two when there are four, with a legend below.

    Raises:
        OutputError: If the picture cannot be written.
    """
    columns = 2 if len(panels) == 4 else len(panels)
    height, width = panels[0].pixels.shape[:2]
    size = max(12, min(26, width // 32))
    font, head = ImageFont.load_default(size), round(size * 1.8)
    rows = -(-len(panels) // columns)
    total = columns * (width + _GAP) + _GAP
    places = _legend_places(classes, font, size, total)
    foot = places[-1][1] + head if places else 0
    page = Image.new("RGB", (total, rows * (height + head) + foot + _GAP), _PAPER)
    draw = ImageDraw.Draw(page)
    for index, panel in enumerate(panels):
        left = _GAP + index % columns * (width + _GAP)
        top = index // columns * (height + head)
        draw.text((left, top + head / 2), panel.title, _INK, font, anchor="lm")
        page.paste(Image.fromarray(panel.pixels), (left, top + head))
    top = rows * (height + head) + _GAP // 2
    for info, (left, down) in zip(classes, places, strict=True):
        middle = top + down + head / 2
        half = size * 0.42
        box = (left, middle - half, left + size * 1.4, middle + half)
        draw.rectangle(box, fill=info.colour, outline=_INK)
        draw.text((left + size * 1.8, middle), info.name, _INK, font, anchor="lm")
    with replacing(out_png) as draft:
        page.save(draft, format="PNG", optimize=True)
    return out_png


def _legend_places(
    classes: Sequence[ClassInfo], font: _Font, size: int, width: int
) -> list[tuple[float, int]]:
    """Return left and top of each entry of the legend, in lines no wider than ``width``."""
    places: list[tuple[float, int]] = []
    left, top = float(_GAP), 0
    for info in classes:
        needed = size * 3 + font.getlength(info.name)
        if left > _GAP and left + needed > width:
            left, top = float(_GAP), top + round(size * 1.6)
        places.append((left, top))
        left += needed
    return places


def _read(path: Path, max_side: int, resampling: Resampling) -> NDArray[Any]:
    """Read all bands, ``(bands, H, W)``, no side longer than ``max_side``."""
    try:
        with warnings.catch_warnings():
            # A picture without a place on the ground is as good to look at.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path)
        with file:
            scale = min(1.0, max_side / max(file.height, file.width))
            shape = (
                file.count,
                max(1, round(file.height * scale)),
                max(1, round(file.width * scale)),
            )
            return np.asarray(file.read(out_shape=shape, resampling=resampling))
    except (RasterioError, OSError) as error:
        raise SourceError(f"cannot read {path} for a quicklook: {error}") from error


def _colour(ids: NDArray[Any], classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    palette = np.array([*(info.colour for info in classes), _NOTHING], np.uint8)
    known = (ids >= 0) & (ids < len(classes))
    return palette[np.where(known, ids, len(classes)).astype(np.intp)]
