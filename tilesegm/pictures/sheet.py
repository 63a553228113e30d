"""Titled pictures in rows on one sheet, with a legend below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tilesegm.classes import ClassInfo

__all__ = ["GAP", "Panel", "draw_sheet"]

GAP = 12
"""Pixels between panels, and around them."""
_PAPER, _INK = (255, 255, 255), (32, 33, 36)
_TITLE = 104
"""Width in pixels that titles may take beyond narrow panels."""
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, eq=False)  # arrays have no truth value: compared by identity
class Panel:
    """A picture and its title."""

    title: str
    pixels: NDArray[np.uint8]
    """``(height, width, 3)``."""


def draw_sheet(
    rows: Sequence[Sequence[Panel]], legend: Sequence[ClassInfo], note: str = ""
) -> NDArray[np.uint8]:
    """Lay out panels in rows, each below its title, and explain their colours.

    A column is as wide as its widest panel, or wider where titles need it; titles that are longer
    still are cut. Letters grow with the panels.

    Args:
        rows: panels, at least one.
        legend: colours and their meaning, in as many lines as the width takes.
        note: text below the legend.

    Returns:
        The sheet, ``(height, width, 3)``.
    """
    size = min(max(max(panel.pixels.shape[1] for row in rows for panel in row) // 32, 13), 26)
    font, line = ImageFont.load_default(size), round(size * 1.7)
    widths = [0] * max(map(len, rows))
    for row in rows:
        for column, panel in enumerate(row):
            written = min(math.ceil(font.getlength(panel.title)), _TITLE)
            widths[column] = max(widths[column], panel.pixels.shape[1], written)
    heights = [line + max(panel.pixels.shape[0] for panel in row) for row in rows]
    entries = [size * 3 + math.ceil(font.getlength(info.name)) for info in legend]
    total = max(sum(widths) + GAP * (len(widths) + 1), 2 * GAP + max(entries, default=0))
    places = _wrap(entries, total - 2 * GAP)
    legend_lines = places[-1][1] + 1 if places else 0
    foot = sum(heights) + GAP * len(rows)
    sheet = Image.new("RGB", (total, foot + line * (legend_lines + bool(note)) + GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for panel, width in zip(row, widths, strict=False):
            title = _cut(panel.title, font, width)
            draw.text((left, top + line / 2), title, _INK, font, anchor="lm")
            sheet.paste(Image.fromarray(panel.pixels), (left, top + line))
            left += width + GAP
        top += height + GAP
    for info, (left, number) in zip(legend, places, strict=True):
        left, middle = left + GAP, foot + line * (number + 0.5)
        box = (left, middle - size * 0.42, left + size * 1.4, middle + size * 0.42)
        draw.rectangle(box, fill=info.colour, outline=_INK)
        draw.text((left + size * 1.8, middle), info.name, _INK, font, anchor="lm")
    draw.text((GAP, foot + line * (legend_lines + 0.5)), note, _INK, font, anchor="lm")
    return np.asarray(sheet)


def _wrap(widths: Sequence[int], total: int) -> list[tuple[int, int]]:
    """Return left end and line of entries, in lines no wider than ``total``."""
    places, left, line = [], 0, 0
    for width in widths:
        if left and left + width > total:
            left, line = 0, line + 1
        places.append((left, line))
        left += width
    return places


def _cut(text: str, font: _Font, width: int) -> str:
    """Shorten a title to the width of its column."""
    while len(text) > 2 and font.getlength(text) > width:
        text = text[:-2] + "…"
    return text
