"""What is done about pixels that show nothing: left out on request, else told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tilesegm.errors import SettingsError
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.setup import open_image
from tilesegm.source.background import Background, find_background
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.cells import read_cells
from tilesegm.source.margin_share import find_margin_share

__all__ = ["margin_note", "open_background", "skip_note"]


def open_background(image: Any, source: Source, options: Options) -> Background | None:
    """Find the background of an image, if it is to be skipped.

    Args:
        image: as it was given.
        source: the same, open.
        options: of the run.

    Raises:
        SourceError: pixels cannot be read.
        SettingsError: glass is looked for in an image that is no slide.
    """
    if options.skip is None:
        return None
    info = source.info
    three = info.bands == 3 and info.dtype == np.uint8
    if options.skip == "glass" and not three:
        raise SettingsError(
            f"skip glass is for slides of three 8-bit bands, and {info.uri} has {info.bands} of "
            f"{info.dtype}; skip background finds margins of one colour"
        )
    glass = three and (options.skip == "glass" or _is_slide(info))
    return find_background(read_cells(source, _levels(image, options)), info, glass=glass)


def _levels(image: Any, options: Options) -> Callable[[int], Source]:
    """Return what opens a smaller level of the image that the options name."""
    return lambda level: open_image(image, replace(options, level=options.level + level))


def skip_note(background: Background, info: ImageInfo) -> str:
    """Say what is skipped, and how it was found."""
    pixels = background.pixels
    if not pixels:
        return f"{info.uri}: nothing is skipped: background: {background.text}"
    return (
        f"{info.uri}: {'' if background.exact else 'at most '}{pixels / info.pixels:.1%} of the "
        f"image ({pixels:,} pixels) is background and skipped: {background.text}"
    )


def margin_note(image: Any, source: Source, options: Options) -> str | None:
    """Say that much of an image is a margin that is segmented, if it is.

    Args:
        image: as it was given.
        source: the same, open.
        options: of the run; who narrows it by an area or skips the background needs no word.

    Raises:
        SourceError: pixels cannot be read.
    """
    if options.skip is not None or options.area is not None:
        return None
    found = find_margin_share(source, _levels(image, options))
    return None if found is None else f"{source.info.uri}: {found.text}"


def _is_slide(info: ImageInfo) -> bool:
    """Tell whether an image was made by a microscope: its pixels have a size and no place."""
    place = info.georeference
    return place.pixel_size is not None and place.transform is None
