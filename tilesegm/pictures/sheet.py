"""Titled pictures in rows on one sheet, with a legend below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tilesegm.classes import ClassInfo
from tilesegm.counted import counted
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.pictures.fonts import Font, font_for
from tilesegm.pictures.png import write_png
from tilesegm.pictures.scale_bar import ScaleBar

__all__ = ["GAP", "Panel", "Sheet", "draw_sheet", "write_sheet"]

GAP = 12
"""Pixels between panels, and around them."""
_PAPER, _INK = (255, 255, 255), (32, 33, 36)
_TITLE = 104
"""Width in pixels that titles may take beyond narrow panels."""
_SMALLEST, _LARGEST = 13, 26
"""Pixels that letters are high."""
_WIDE = 64
"""Letters as high as this part of a panel, where that is more: of wide panels they stay legible."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value: compared by identity
class Panel:
    """A picture and its title."""

    title: str
    pixels: NDArray[np.uint8]
    """``(height, width, 3)``."""


@dataclass(frozen=True)
class Sheet:
    """Panels in rows, and what explains them."""

    rows: Sequence[Sequence[Panel]]
    """At least one panel."""
    legend: Sequence[ClassInfo] = ()
    """Colours and their meaning, in as many lines as the width takes."""
    note: str = ""
    """Text below the legend."""
    scale: ScaleBar | None = None
    """Drawn above the legend; of sheets whose panels share one scale."""

    @property
    def letter_size(self) -> int:
        """Height of letters in pixels, which grow with the panels."""
        widest: int = max(panel.pixels.shape[1] for row in self.rows for panel in row)
        return max(min(max(widest // 32, _SMALLEST), _LARGEST), widest // _WIDE)

    @cached_property
    def unwritable(self) -> tuple[str, ...]:
        """Texts with letters that no font of this machine has; they are numbered from 1."""
        titles = (panel.title for row in self.rows for panel in row)
        texts = dict.fromkeys([*titles, *(info.name for info in self.legend), self.note])
        return tuple(text for text in texts if font_for(text, self.letter_size) is None)


def draw_sheet(
    rows: Sequence[Sequence[Panel]], legend: Sequence[ClassInfo], note: str = ""
) -> NDArray[np.uint8]:
    """Lay out panels in rows, each below its title, and explain their colours.

    A column is as wide as its widest panel, or wider where titles need it; titles that are longer
    still are cut. See `Sheet` for what is passed.

    Returns:
        The sheet, ``(height, width, 3)``.
    """
    return _draw(Sheet(rows, legend, note))


def write_sheet(path: Path, sheet: Sheet, on_event: OnEvent = ignore) -> Path:
    """Write a sheet as PNG; names that cannot be written in it are numbered, and told.

    Raises:
        OutputError: the file cannot be written.
    """
    write_png(path, _draw(sheet))
    if names := sheet.unwritable:
        listed = ", ".join(f"name {number} is {name}" for number, name in enumerate(names, 1))
        on_event(
            Noted(
                f"{path.name}: no font of this machine has all letters of {_count(names)}: in the "
                f"picture, {listed}; install a font that has them, such as Noto Sans CJK for "
                "Chinese, Japanese and Korean or Noto Sans for others"
            )
        )
    return path


def _count(names: Sequence[str]) -> str:
    return counted(len(names), "name")


def _draw(sheet: Sheet) -> NDArray[np.uint8]:
    size = sheet.letter_size
    line = round(size * 1.7)
    rows = [[(_Text.of(panel.title, sheet), panel.pixels) for panel in row] for row in sheet.rows]
    names = [_Text.of(info.name, sheet) for info in sheet.legend]
    notes = [_Text.of(text, sheet) for text in _notes(sheet)]
    widths = [0] * max(map(len, rows))
    for row in rows:
        for column, (title, pixels) in enumerate(row):
            widths[column] = max(widths[column], pixels.shape[1], min(title.width, _TITLE))
    heights = [line + max(pixels.shape[0] for _, pixels in row) for row in rows]
    entries = [size * 3 + name.width for name in names]
    bar = sheet.scale
    measure = _Text.of(bar.label, sheet) if bar else None
    across = max([0, *entries, bar.dots + 2 * size + measure.width if bar and measure else 0])
    total = max(sum(widths) + GAP * (len(widths) + 1), 2 * GAP + across)
    notes = [part for note in notes for part in note.wrapped(total - 2 * GAP)]
    places = _wrap(entries, total - 2 * GAP)
    legend_lines = places[-1][1] + 1 if places else 0
    foot = sum(heights) + GAP * len(rows)
    lines = legend_lines + len(notes) + (bar is not None)
    paper = Image.new("RGB", (total, foot + line * lines + GAP), _PAPER)
    draw = ImageDraw.Draw(paper)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for (title, pixels), width in zip(row, widths, strict=False):
            title.cut(width).write(draw, (left, top + line / 2))
            paper.paste(Image.fromarray(pixels), (left, top + line))
            left += width + GAP
        top += height + GAP
    if bar and measure:
        bar.draw(draw, (GAP, foot + line / 2), size, _INK)
        measure.write(draw, (GAP + bar.dots + size, foot + line / 2))
        foot += line
    for info, name, (left, number) in zip(sheet.legend, names, places, strict=True):
        left, middle = left + GAP, foot + line * (number + 0.5)
        box = (left, middle - size * 0.42, left + size * 1.4, middle + size * 0.42)
        draw.rectangle(box, fill=info.colour, outline=_INK)
        name.write(draw, (left + size * 1.8, middle))
    for number, note in enumerate(notes, legend_lines):
        note.write(draw, (GAP, foot + line * (number + 0.5)))
    return np.asarray(paper)


def _notes(sheet: Sheet) -> list[str]:
    notes = [sheet.note] if sheet.note else []
    if sheet.unwritable:
        notes.append("Numbered names: no font has their letters; the command lists them")
    return notes


@dataclass(frozen=True)
class _Text:
    """A line in a font that has its letters."""

    text: str
    font: Font

    @classmethod
    def of(cls, text: str, sheet: Sheet) -> Self:
        """Take a text of a sheet, or its number where it cannot be written."""
        font = font_for(text, sheet.letter_size)
        if font is None and text in sheet.unwritable:
            text = f"name {sheet.unwritable.index(text) + 1}"
        return cls(text, font or ImageFont.load_default(sheet.letter_size))

    @property
    def width(self) -> int:
        """Pixels."""
        return math.ceil(self.font.getlength(self.text))

    def cut(self, width: int) -> Self:
        """Shorten a title to the width of its column."""
        text = self.text
        while len(text) > 2 and self.font.getlength(text) > width:
            text = text[:-2] + "…"
        return replace(self, text=text)

    def wrapped(self, width: int) -> list[Self]:
        """Break between words, so that lines take no more than a width where words let them."""
        lines: list[str] = []
        for word in self.text.split(" "):
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.font.getlength(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return [replace(self, text=text) for text in lines]

    def write(self, draw: ImageDraw.ImageDraw, at: tuple[float, float]) -> None:
        """Write it to the right of a place, in the middle of its height."""
        draw.text(at, self.text, _INK, self.font, anchor="lm")


def _wrap(widths: Sequence[int], total: int) -> list[tuple[int, int]]:
    """Return left end and line of entries, in lines no wider than ``total``."""
    places, left, line = [], 0, 0
    for width in widths:
        if left and left + width > total:
            left, line = 0, line + 1
        places.append((left, line))
        left += width
    return places
