"""A picture of training windows as they are and as augmentation changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.data.patch import IGNORE, Sample
from tilesegm.errors import InputError
from tilesegm.pictures.colours import colour_classes, stretch
from tilesegm.pictures.png import write_png
from tilesegm.pictures.sheet import Panel, draw_sheet
from tilesegm.source.band_names import visible_bands

__all__ = ["Display", "PreviewWindow", "before_and_after", "draw_preview"]

_STRIPES = 8
"""Pixels from one stripe to the next, over pixels that are not learnt from."""
_STRIPE, _BETWEEN = 32, 255


@dataclass(frozen=True)
class PreviewWindow:
    """A window and its title."""

    caption: str
    window: Sample


@dataclass(frozen=True)
class Display:
    """How values become colours."""

    classes: Sequence[ClassInfo]
    """Names and colours, in the order of the ids."""
    low: Sequence[float]
    """Value of each band that is drawn black, in the units of the windows' pixels."""
    high: Sequence[float]
    """Value of each band that is drawn white."""
    band_names: Sequence[str] = ()
    """Names of the bands, which tell those that are drawn red, green and blue."""

    def image(self, window: Sample) -> NDArray[np.uint8]:
        """Draw the pixels of a window, ``(height, width, 3)``."""
        shown = visible_bands(self.band_names, window.pixels.shape[-1])
        low, high = (np.array(limit)[shown] for limit in (self.low, self.high))
        return stretch(window.pixels[..., shown], limits=(low, high))

    def labels(self, window: Sample) -> NDArray[np.uint8]:
        """Draw class colours over the image in grey, and stripes over ignored pixels."""
        grey = self.image(window).mean(-1, keepdims=True)
        coloured = 0.4 * grey + 0.6 * colour_classes(window.labels, self.classes)
        diagonal: NDArray[np.int64] = np.indices(window.labels.shape).sum(0)
        stripes = np.less(diagonal % _STRIPES, _STRIPES // 4)[..., None]
        ignored = np.where(stripes, _STRIPE, 0.5 * grey + 0.5 * _BETWEEN)
        learnt = (window.labels != IGNORE)[..., None]
        return np.where(learnt, coloured, ignored).astype(np.uint8)


def before_and_after(
    plain: Callable[[int], Sample], augmented: Callable[[int], Sample], rows: int, across: int = 2
) -> tuple[tuple[PreviewWindow, ...], ...]:
    """Set samples beside themselves without augmentation.

    Args:
        plain: gives a sample by its number, of a stream that augments nothing.
        augmented: gives the sample of that number as it is trained on.
        rows: rows of the sheet.
        across: pairs in a row.
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
        rows: windows of one size.
        path: PNG file to write; it is replaced if it exists.
        display: how values become colours.

    Raises:
        InputError: there is no window.
        OutputError: the picture cannot be written.
    """
    windows = [item.window for row in rows for item in row]
    if not windows:
        raise InputError("no windows were passed; pass at least one row of one window")
    weights = [window.weights[window.labels != IGNORE] for window in windows]
    heaviest = max(float(values.max(initial=0)) for values in weights)
    weighted = heaviest > 0 and any(np.any(values != 1) for values in weights)
    legend = list(display.classes)
    if weighted:
        legend.append(ClassInfo(f"weight {heaviest:.3g} (black: 0)", (255, 255, 255)))
    panels = [
        [Panel(item.caption, _column(item.window, display, heaviest * weighted)) for item in row]
        for row in rows
        if row
    ]
    return write_png(path, draw_sheet(panels, legend))


def _column(window: Sample, display: Display, heaviest: float) -> NDArray[np.uint8]:
    """Draw image, labels and, where ``heaviest`` is not 0, weights, one below the other."""
    pictures = [display.image(window), display.labels(window)]
    if heaviest:
        weights = np.where(window.labels != IGNORE, window.weights, 0)[..., None]
        pictures.append(stretch(weights, limits=(0, heaviest)))
    return np.concatenate(pictures)
