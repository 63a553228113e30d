"""A split as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tilesegm.data.split.view import SceneView
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.files import replacing
from tilesegm.grid.window import Window

__all__ = ["draw_split"]

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_WIDTH, _GAP, _HEAD = 1200, 12, 20
_MOST = 64
"""Scenes that are drawn; a picture of more shows nothing."""
_PAPER, _INK, _MISSING = (255, 255, 255), (32, 33, 36), (226, 226, 226)
_COLOURS = {
    "learnt from": (0, 0, 0, 0),
    "buffer: seen, not learnt from": (255, 200, 0, 120),
    "held out": (0, 90, 255, 130),
    "test": (220, 0, 90, 130),
}


def draw_split(
    path: Path, views: Sequence[SceneView], statistics: Sequence[SceneStatistics]
) -> None:
    """Draw every scene with a tint for what its pixels are for.

    The pictures come from the samples in the statistics, so that no image is read again.

    Args:
        path: PNG to write.
        views: What the pixels of each scene are for.
        statistics: Of the same scenes.

    Raises:
        OutputError: If the file cannot be written.
    """
    pairs = list(zip(views, statistics, strict=True))[:_MOST]
    columns = min(len(pairs), math.ceil(math.sqrt(len(pairs) * 1.5)))
    side = (_WIDTH - _GAP) // columns - _GAP
    panels = [(view.name, _panel(view, scene, side)) for view, scene in pairs]
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    heights = [max(panel.height for _, panel in row) + _HEAD + _GAP for row in rows]
    legend = _HEAD * 2
    page = Image.new("RGB", (_WIDTH, legend + sum(heights) + _HEAD), _PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    _draw_legend(draw, font)
    top = legend
    for row, height in zip(rows, heights, strict=True):
        for column, (name, panel) in enumerate(row):
            left = _GAP + column * (side + _GAP)
            draw.text((left, top + _HEAD / 2), _fit(name, font, side), _INK, font, anchor="lm")
            page.paste(panel, (left, top + _HEAD))
        top += height
    if len(views) > len(pairs):
        rest = f"and {len(views) - len(pairs)} scenes more"
        draw.text((_GAP, top), rest, _INK, font)
    with replacing(path) as draft:
        page.save(draft, format="PNG", optimize=True)


def _panel(view: SceneView, scene: SceneStatistics, side: int) -> Image.Image:
    """One scene, tinted, no side longer than ``side`` pixels."""
    scale = side / max(view.height, view.width)
    size = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    picture = Image.fromarray(_colours(scene)).resize(size).convert("RGBA")
    tint = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(tint)
    # Rectangles replace what is below them: the buffer first, what it surrounds over it.
    for window in (*view.held_out, *view.test):
        draw.rectangle(_box(window, view.buffer, scale), _COLOURS["buffer: seen, not learnt from"])
    for use, windows in (("held out", view.held_out), ("test", view.test)):
        for window in windows:
            draw.rectangle(_box(window, 0, scale), _COLOURS[use], outline=(*_COLOURS[use][:3], 255))
    return Image.alpha_composite(picture, tint).convert("RGB")


def _box(window: Window, margin: int, scale: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a window on the picture, the last pixels included."""
    left, top = round((window.col - margin) * scale), round((window.row - margin) * scale)
    right = round((window.stop_col + margin) * scale) - 1
    bottom = round((window.stop_row + margin) * scale) - 1
    return left, top, max(left, right), max(top, bottom)


def _colours(scene: SceneStatistics) -> NDArray[np.uint8]:
    """Sampled pixels as red, green, blue: the first three bands, or the first as grey."""
    bands = [0, 1, 2] if scene.sample.shape[2] >= 3 else [0, 0, 0]
    values = scene.sample[..., bands].astype(np.float64)
    shown = values[scene.sample_valid]
    if shown.size and scene.sample.dtype != np.uint8:
        low, high = np.percentile(shown, (2, 98), axis=0)
        values = (values - low) / np.maximum(high - low, 1e-9) * 255
    colours = np.clip(values, 0, 255).astype(np.uint8)
    colours[~scene.sample_valid] = _MISSING
    return colours


def _draw_legend(draw: ImageDraw.ImageDraw, font: _Font) -> None:
    left = float(_GAP)
    for text, colour in _COLOURS.items():
        box = (left, _HEAD * 0.6, left + _HEAD * 1.3, _HEAD * 1.4)
        share = colour[3] / 255
        fill = tuple(round(255 - share * (255 - channel)) for channel in colour[:3])
        draw.rectangle(box, fill=fill, outline=_INK)
        draw.text((left + _HEAD * 1.6, _HEAD), text, _INK, font, anchor="lm")
        left += _HEAD * 3 + font.getlength(text)


def _fit(text: str, font: _Font, width: int) -> str:
    """Cut a name to what its panel has room for."""
    while len(text) > 2 and font.getlength(text) > width:
        text = text[:-2] + "…"
    return text
