"""Which pixels results have: those that the network sees, or those of the image."""

from __future__ import annotations

from tilesegm.engine.plan import Plan
from tilesegm.grid.resolution import Resolution
from tilesegm.segmentation.options import Options
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.resampled import ResampledSource
from tilesegm.source.scaled import resolution_of

__all__ = ["grid_note", "image_grid", "resolution_tag"]


def image_grid(source: Source, options: Options) -> ImageInfo | None:
    """Return the image whose pixels results have; None for those of the source."""
    if options.grid == "image" and isinstance(source, ResampledSource):
        return source.image
    return None


def grid_note(plan: Plan) -> str | None:
    """Say that a map has other pixels than its image."""
    if plan.info.original is None:
        return None
    rows, cols = plan.info.original
    return (
        f"results have the {plan.info.height} x {plan.info.width} pixels that the model sees; "
        f"--grid image gives them the {rows} x {cols} of the image"
    )


def resolution_tag(plan: Plan) -> str | None:
    """Return what a map tells of the resolution that its image was read at; None for its own."""
    read = resolution_of(plan.read)
    if plan.read.original is None or read is None:
        return None
    rows, cols = plan.read.original
    ratios = plan.read.height / rows, plan.read.width / cols
    stored = Resolution(read.down * ratios[0], read.across * ratios[1])
    return f"{read}, from {stored}"
