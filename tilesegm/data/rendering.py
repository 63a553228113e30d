"""How pictures of an image are drawn, chosen once for the whole image."""

from __future__ import annotations

from collections.abc import Sequence

from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.grid.window import Window
from tilesegm.pictures.rendering import Rendering
from tilesegm.source.base import ImageInfo, Source

__all__ = ["rendering_of_image", "rendering_of_scenes", "words_of"]

_SIDE = 256
"""Side of the windows that are looked at, in pixels."""
_ACROSS = 10
"""Most windows along a side, spread over the image."""
_STEP = 4
"""Every so many rows and columns of a window are looked at."""


def rendering_of_scenes(
    image: ImageInfo | None, statistics: Sequence[SceneStatistics]
) -> Rendering:
    """Choose by the samples in the statistics, so that nothing is read again.

    Args:
        image: facts about the image of one of the scenes, if they are known.
        statistics: of the scenes that are drawn alike.
    """
    samples = [(scene.sample, scene.sample_valid) for scene in statistics]
    if image is None:
        return Rendering.of(samples)
    return Rendering.of(samples, image.band_names, image.band_colours)


def rendering_of_image(source: Source) -> Rendering:
    """Choose by windows that are spread over all of an image.

    Raises:
        SourceError: the pixels cannot be read.
    """
    info = source.info
    rows, cols = _begins(info.height), _begins(info.width)
    windows = [
        Window(row, col, min(_SIDE, info.height), min(_SIDE, info.width))
        for row in rows
        for col in cols
    ]
    read = map(source.read, windows)
    part = slice(None, None, _STEP)
    samples = [
        (
            pixels.values[part, part].copy(),
            None if pixels.valid is None else pixels.valid[part, part],
        )
        for pixels in read
    ]
    return Rendering.of(samples, info.band_names, info.band_colours)


def words_of(drawn: Sequence[Rendering]) -> str:
    """Say what pictures of several images show."""
    if len({rendering.words for rendering in drawn}) == 1:
        return drawn[0].words
    bands = dict.fromkeys(rendering.words_of_bands for rendering in drawn)
    alike = len({rendering.limits for rendering in drawn}) == 1
    return f"{' or '.join(bands)}{'' if alike else ', each image with its own stretch'}"


def _begins(length: int) -> list[int]:
    """Return where windows begin along a side: edge to edge where they are few, else spread."""
    count = min(-(-length // _SIDE), _ACROSS)
    last = max(length - _SIDE, 0)
    return [round(last * n / max(count - 1, 1)) for n in range(count)]
