"""A picture of training windows as they are and as augmentation changes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tilesegm.classes import ClassInfo
from tilesegm.data.patch import IGNORE, Patch, Sample
from tilesegm.errors import InputError
from tilesegm.files import replacing

__all__ = ["Display", "PreviewWindow", "before_and_after", "draw_preview"]

_PAPER, _INK = (255, 255, 255), (32, 33, 36)
_GAP, _LINE = 8, 20
_STRIPES = 8
"""Pixels from one stripe to the next, over pixels that are not learnt from."""


@dataclass(frozen=True)
class PreviewWindow:
    """A window with what is written above it."""

    caption: str
    window: Patch | Sample


@dataclass(frozen=True)
class Display:
    """How values become colours."""

    classes: Sequence[ClassInfo]
    """Names and colours, in the order of the ids."""
    low: Sequence[float]
    """Value of each band that is drawn black, in the units of the windows' pixels."""
    high: Sequence[float]
    """Value of each band that is drawn white."""
    shown: tuple[int, ...] | None = None
    """Bands drawn red, green and blue, counted from 0, or one drawn grey; the first three when not
    given, or the first where there are fewer."""

    def __post_init__(self) -> None:
        bands = len(self.low)
        if len(self.high) != bands:
            raise InputError(f"low has {bands} bands and high {len(self.high)}; pass equal numbers")
        if len(self.bands) not in (1, 3) or not all(0 <= band < bands for band in self.bands):
            raise InputError(
                f"bands {self.bands} were to be shown; pass one or three from 0 to {bands - 1}"
            )

    @property
    def bands(self) -> tuple[int, ...]:
        """Bands that are drawn."""
        return self.shown or ((0, 1, 2) if len(self.low) >= 3 else (0,))

    def image(self, window: Patch | Sample) -> NDArray[np.uint8]:
        """Draw the pixels of a window ``(height, width, 3)``; missing ones are white."""
        shown = list(self.bands)
        low, high = np.asarray(self.low)[shown], np.asarray(self.high)[shown]
        values = np.asarray(window.pixels[..., shown], np.float64)
        if isinstance(window, Patch):
            values = np.where(window.valid[..., None], values, high)
        grey = np.clip((values - low) / np.where(high > low, high - low, 1), 0, 1) * 255
        return np.broadcast_to(np.rint(grey), (*values.shape[:2], 3)).astype(np.uint8)

    def labels(self, window: Patch | Sample) -> NDArray[np.uint8]:
        """Draw class colours over the image in grey; what is not learnt from is striped."""
        grey = self.image(window).mean(-1, keepdims=True)
        learnt = window.labels != IGNORE
        palette = np.array([info.colour for info in self.classes])
        coloured = 0.4 * grey + 0.6 * palette[np.where(learnt, window.labels, 0)]
        diagonal: NDArray[np.int64] = np.indices(window.labels.shape).sum(0)
        stripes = np.less(diagonal % _STRIPES, _STRIPES // 4)[..., None]
        ignored = np.where(stripes, _INK, 0.5 * grey + 0.5 * np.array(_PAPER))
        return np.where(learnt[..., None], coloured, ignored).astype(np.uint8)


def before_and_after(
    plain: Callable[[int], Sample], augmented: Callable[[int], Sample], rows: int, across: int = 2
) -> tuple[tuple[PreviewWindow, ...], ...]:
    """Set samples beside themselves without augmentation.

    Args:
        plain: Gives a sample by its number, of a stream that augments nothing.
        augmented: Gives the sample of that number as it is trained on.
        rows: Rows of the sheet.
        across: Pairs in a row.
    """
    return tuple(
        tuple(
            PreviewWindow(f"{number}: {word}", give(number))
            for number in range(row * across, (row + 1) * across)
            for word, give in (("as it is", plain), ("augmented", augmented))
        )
        for row in range(rows)
    )


def draw_preview(rows: Sequence[Sequence[PreviewWindow]], path: Path, display: Display) -> Path:
    """Write a sheet of windows: each image, its labels below, and weights where any is not 1.

    Args:
        rows: Windows of one size.
        path: PNG file to write; it is replaced if it exists.
        display: How values become colours.

    Raises:
        InputError: If there is no window.
        OutputError: If the picture cannot be written.
    """
    rows = [row for row in rows if row]
    windows = [item.window for row in rows for item in row]
    if not windows:
        raise InputError("no windows were passed; pass at least one row of one window")
    heaviest = max(float(_learnt_weights(window).max(initial=0)) for window in windows)
    weighted = any(np.any(_learnt_weights(window) != 1) for window in windows)
    legend = [(info.name, info.colour) for info in display.classes]
    if weighted:
        legend.append((f"weight {heaviest:.3g} (black: 0)", _PAPER))
    columns = [[_column(item.window, display, heaviest * weighted) for item in row] for row in rows]
    sheet = _sheet(rows, columns, legend)
    with replacing(path) as draft:
        sheet.save(draft, format="PNG")
    return path


def _column(window: Patch | Sample, display: Display, heaviest: float) -> NDArray[np.uint8]:
    """Draw what a window holds, one below the other; weights only if they reach ``heaviest``."""
    pictures = [display.image(window), display.labels(window)]
    if heaviest > 0:
        weights = np.where(window.labels != IGNORE, _weights(window), 0)
        grey = np.rint(weights / heaviest * 255).astype(np.uint8)
        pictures.append(np.repeat(grey[..., None], 3, -1))
    return np.concatenate(pictures)


def _sheet(
    rows: Sequence[Sequence[PreviewWindow]],
    columns: Sequence[Sequence[NDArray[np.uint8]]],
    legend: Sequence[tuple[str, tuple[int, int, int]]],
) -> Image.Image:
    """Lay columns out below their captions, and the legend below them."""
    font = ImageFont.load_default(12)
    entries = [(name, colour, round(font.getlength(name)) + 3 * _GAP) for name, colour in legend]
    captions = (math.ceil(font.getlength(item.caption)) for row in rows for item in row)
    height, width = (length + _GAP for length in columns[0][0].shape[:2])
    width = max(width, _GAP + max(captions))
    total = max(_GAP + width * max(map(len, rows)), _GAP + max(entry[2] for entry in entries))
    lines = _lines([wide for _, _, wide in entries], total - _GAP)
    foot = len(rows) * (height + _LINE)
    page = Image.new("RGB", (total, foot + _LINE * (lines[-1][1] + 1) + _GAP), _PAPER)
    draw = ImageDraw.Draw(page)
    for down, (row, drawn) in enumerate(zip(rows, columns, strict=True)):
        for across, (item, column) in enumerate(zip(row, drawn, strict=True)):
            left, top = _GAP + across * width, down * (height + _LINE)
            draw.text((left, top + _LINE / 2), item.caption, _INK, font, anchor="lm")
            page.paste(Image.fromarray(column), (left, top + _LINE))
    for (name, colour, _), (left, line) in zip(entries, lines, strict=True):
        middle = foot + line * _LINE + _LINE // 2
        box = (_GAP + left, middle - 5, 2 * _GAP + left, middle + 5)
        draw.rectangle(box, fill=colour, outline=_INK)
        draw.text((2 * _GAP + left + 4, middle), name, _INK, font, anchor="lm")
    return page


def _lines(widths: Sequence[int], total: int) -> list[tuple[int, int]]:
    """Return left and line of entries, in lines no wider than ``total``."""
    places, left, line = [], 0, 0
    for width in widths:
        if left and left + width > total:
            left, line = 0, line + 1
        places.append((left, line))
        left += width
    return places


def _weights(window: Patch | Sample) -> NDArray[np.float32]:
    if window.weights is None:
        return np.ones(window.labels.shape, np.float32)
    return window.weights


def _learnt_weights(window: Patch | Sample) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = _weights(window)[window.labels != IGNORE]
    return weights
