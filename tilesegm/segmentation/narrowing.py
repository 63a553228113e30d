"""What of an image is computed: the pixels of interest, without those that show nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tilesegm.events import Noted, OnEvent
from tilesegm.segmentation.background import open_background, skip_note
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.result_grid import image_grid
from tilesegm.source.area import Area, open_area
from tilesegm.source.background import Background
from tilesegm.source.base import Source
from tilesegm.source.vector.reading import tell

__all__ = ["Narrowing", "open_narrowing"]


@dataclass(frozen=True)
class Narrowing:
    """Where an image is segmented; None for everywhere."""

    area: Area | None
    """On the grid of the results."""
    background: Background | None
    """On the grid that the network sees."""


def open_narrowing(image: Any, source: Source, options: Options, on_event: OnEvent) -> Narrowing:
    """Open the area of interest and find the background, as the options say.

    Args:
        image: as it was given.
        source: the same, open.
        options: of the run.
        on_event: called with what is left out.

    Raises:
        SourceError: the area cannot be used, or pixels cannot be read.
        SettingsError: glass is looked for in an image that is no slide.
    """
    info = image_grid(source, options) or source.info
    area = None if options.area is None else open_area(options.area, info)
    for line in [*tell(filter(None, [area.reading])), *area.notes] if area else []:
        on_event(Noted(line))
    background = open_background(image, source, options)
    if background is not None:
        on_event(Noted(skip_note(background, source.info)))
    return Narrowing(area, background)
