"""A split as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tilesegm.classes import ClassInfo
from tilesegm.data.rendering import rendering_of_scenes, words_of
from tilesegm.data.split.view import SceneView
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.events import OnEvent, ignore
from tilesegm.grid.window import Window
from tilesegm.pictures.rendering import Rendering
from tilesegm.pictures.sheet import GAP, Panel, Sheet, write_sheet
from tilesegm.source.base import ImageInfo

__all__ = ["draw_views"]

_WIDTH = 1200
_MOST = 64
"""Scenes that are drawn; a picture of more shows nothing."""
_BUFFER, _HELD_OUT, _TEST = (255, 200, 0, 120), (0, 90, 255, 130), (220, 0, 90, 130)
_BARE = (110, 110, 110, 150)
"""Tint of cells without a single label."""


def draw_views(
    path: Path,
    views: Sequence[SceneView],
    statistics: Sequence[SceneStatistics],
    images: Sequence[ImageInfo] = (),
    on_event: OnEvent = ignore,
) -> None:
    """Draw every scene with a tint for the use of its pixels.

    The pictures come from the samples in the statistics, so that no image is read again.

    Args:
        path: PNG to write.
        views: use of the pixels of each scene.
        statistics: of the same scenes.
        images: facts about their images, which may tell the bands of red, green and blue; the
            first bands are drawn when not given.
        on_event: called with a note where names cannot be written.

    Raises:
        OutputError: the file cannot be written.
    """
    pairs = list(zip(views, statistics, strict=True))[:_MOST]
    facts: Sequence[ImageInfo | None] = images or [None] * len(views)
    drawn = [rendering_of_scenes(facts[n], [scene]) for n, (_, scene) in enumerate(pairs)]
    columns = min(len(pairs), math.ceil(math.sqrt(len(pairs) * 1.5)))
    side = (_WIDTH - GAP) // columns - GAP
    panels = [
        Panel(view.name, _picture(view, scene, rendering, side))
        for (view, scene), rendering in zip(pairs, drawn, strict=True)
    ]
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    rest = len(views) - len(pairs)
    notes = [f"and {rest} more scenes"] if rest else []
    notes.append(f"Images: {words_of(drawn)}")
    write_sheet(path, Sheet(rows, _legend(pairs), "; ".join(notes)), on_event)


def _picture(
    view: SceneView, scene: SceneStatistics, rendering: Rendering, side: int
) -> NDArray[np.uint8]:
    """Draw one scene, tinted, no side longer than ``side`` pixels."""
    scale = side / max(view.height, view.width)
    size = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    pixels = rendering.draw(scene.sample, scene.sample_valid)
    image = Image.fromarray(pixels).resize(size).convert("RGBA")
    tint = _unlabelled(scene, scale).crop((0, 0, *size))
    draw = ImageDraw.Draw(tint)
    # Rectangles replace what is below them: the buffer first, what it surrounds over it.
    for window in (*view.held_out, *view.test):
        draw.rectangle(_box(window, view.buffer, scale), _BUFFER)
    for colour, windows in ((_HELD_OUT, view.held_out), (_TEST, view.test)):
        for window in windows:
            draw.rectangle(_box(window, 0, scale), colour, outline=(*colour[:3], 255))
    return np.asarray(Image.alpha_composite(image, tint).convert("RGB"))


def _box(window: Window, margin: int, scale: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a window on the picture, the last pixels included."""
    wide = window.widen(margin)
    left, top = round(wide.col * scale), round(wide.row * scale)
    right, bottom = round(wide.stop_col * scale) - 1, round(wide.stop_row * scale) - 1
    return left, top, max(left, right), max(top, bottom)


def _unlabelled(scene: SceneStatistics, scale: float) -> Image.Image:
    """Draw cells without a label; those at the lower and right edge may reach beyond the image."""
    bare = scene.counts.sum(-1) == 0
    tint = np.zeros((*bare.shape, 4), np.uint8)
    tint[bare] = _BARE
    height, width = (math.ceil(side * scene.cell * scale) for side in bare.shape)
    return Image.fromarray(tint).resize((width, height), Image.Resampling.NEAREST)


def _legend(pairs: Sequence[tuple[SceneView, SceneStatistics]]) -> list[ClassInfo]:
    """Colours over white of the tints that there are."""
    views = [view for view, _ in pairs]
    # A whole image has no buffer around it.
    parts = [
        view
        for view in views
        if any(part.pixels < view.height * view.width for part in (*view.held_out, *view.test))
    ]
    tints = {
        "learnt from": ((0, 0, 0, 0), True),
        "no label": (_BARE, any((scene.counts.sum(-1) == 0).any() for _, scene in pairs)),
        "buffer: seen, not learnt from": (_BUFFER, any(view.buffer for view in parts)),
        "held out": (_HELD_OUT, any(view.held_out for view in views)),
        "test": (_TEST, any(view.test for view in views)),
    }
    entries = []
    for meaning, ((*rgb, alpha), there) in tints.items():
        red, green, blue = (round(255 - alpha / 255 * (255 - channel)) for channel in rgb)
        entries += [ClassInfo(meaning, (red, green, blue))] if there else []
    return entries
