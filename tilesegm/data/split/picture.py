"""A split as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tilesegm.classes import ClassInfo
from tilesegm.data.split.view import SceneView
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.grid.window import Window
from tilesegm.pictures.colours import photo
from tilesegm.pictures.png import write_png
from tilesegm.pictures.sheet import GAP, Panel, draw_sheet
from tilesegm.source.band_names import visible_bands

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
    band_names: Sequence[str] = (),
) -> None:
    """Draw every scene with a tint for the use of its pixels.

    The pictures come from the samples in the statistics, so that no image is read again.

    Args:
        path: PNG to write.
        views: use of the pixels of each scene.
        statistics: of the same scenes.
        band_names: names of their bands, which tell those that are drawn red, green and blue.

    Raises:
        OutputError: the file cannot be written.
    """
    pairs = list(zip(views, statistics, strict=True))[:_MOST]
    columns = min(len(pairs), math.ceil(math.sqrt(len(pairs) * 1.5)))
    side = (_WIDTH - GAP) // columns - GAP
    panels = [Panel(view.name, _picture(view, scene, side, band_names)) for view, scene in pairs]
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    rest = len(views) - len(pairs)
    sheet = draw_sheet(rows, _legend(pairs), f"and {rest} more scenes" if rest else "")
    write_png(path, sheet)


def _picture(
    view: SceneView, scene: SceneStatistics, side: int, band_names: Sequence[str]
) -> NDArray[np.uint8]:
    """Draw one scene, tinted, no side longer than ``side`` pixels."""
    scale = side / max(view.height, view.width)
    size = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    shown = scene.sample[..., visible_bands(band_names, scene.sample.shape[-1])]
    image = Image.fromarray(photo(shown, scene.sample_valid)).resize(size).convert("RGBA")
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
