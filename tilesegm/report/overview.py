"""Two maps and their differences, small enough to be seen as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.grid.window import Window
from tilesegm.metrics.counts import ratio
from tilesegm.metrics.pair import WindowPair
from tilesegm.pictures.colours import colour_classes
from tilesegm.report.page import Page
from tilesegm.report.pictures import picture

__all__ = ["Overview", "add_overview", "survey"]

_SIDE = 900
"""Most pixels along a side of an overview."""
_WINDOW = 2048
"""Side of the windows in which maps are read, about."""
_PAPER, _UNKNOWN, _STRIPE = 250, 225, 195
_STRIPES = 8
"""Dots from one stripe to the next where no truth is known: plain grey is a colour of classes."""


@dataclass(frozen=True)
class Overview:
    """Maps at a small scale; an entry stands for ``step`` x ``step`` pixels."""

    step: int
    truth: NDArray[np.int64]
    """``(height, width)`` class id of a pixel in the middle; others are unknown."""
    predicted: NDArray[np.int64]
    """Likewise, also where the truth is not known."""
    wrong: NDArray[np.float64]
    """``(height, width)`` fraction of known pixels that are wrong; NaN without known pixels."""
    colour: NDArray[np.float64]
    """``(height, width, 3)`` mean colour of the true classes of wrong pixels."""

    @property
    def errors(self) -> NDArray[np.uint8]:
        """``(height, width, 3)``: the colour of what was missed, the fainter the less is wrong.

        Its strength is the square root of the wrong part, so that single pixels stay visible.
        """
        share = np.sqrt(np.nan_to_num(self.wrong))[..., None]
        rgb = _PAPER + (self.colour - _PAPER) * share
        diagonal: NDArray[np.int64] = np.indices(self.wrong.shape).sum(0)
        unknown = np.where(diagonal % _STRIPES < _STRIPES // 4, _STRIPE, _UNKNOWN)[..., None]
        rgb = np.where(np.isnan(self.wrong)[..., None], unknown, rgb)
        return np.rint(rgb).astype(np.uint8)


def survey(
    read: Callable[[Window], WindowPair],
    predicted_ids: Callable[[Window], NDArray[Any]],
    whole: Window,
    classes: Sequence[ClassInfo],
) -> Overview:
    """Look at every pixel of two maps, window by window, in bounded memory.

    Args:
        read: gives truth and prediction of a window, without a halo.
        predicted_ids: gives predicted ids, also where the truth is not known.
        whole: window of the maps.
        classes: names and colours by id.
    """
    step = max(-(-max(whole.height, whole.width) // _SIDE), 1)
    shape = -(-whole.height // step), -(-whole.width // step)
    truth, predicted = np.full(shape, -1), np.full(shape, -1)
    known, wrong, colour = np.zeros(shape), np.zeros(shape), np.zeros((*shape, 3))
    colours = np.array([info.colour for info in classes], np.float64)
    for window in whole.tiles(max(_WINDOW // step, 1) * step):
        pair = read(window)
        rows, cols = -(-window.height // step), -(-window.width // step)
        part = Window(window.row // step, window.col // step, rows, cols).slices
        middle = tuple(
            np.minimum(np.arange(count) * step + step // 2, size - 1)
            for count, size in zip((rows, cols), pair.truth.shape, strict=True)
        )
        truth[part] = pair.truth[np.ix_(*middle)]
        predicted[part] = predicted_ids(window)[np.ix_(*middle)]
        cell = np.add.outer(
            np.arange(window.height) // step * cols, np.arange(window.width) // step
        )
        seen = pair.truth != pair.unknown
        missed = seen & (pair.truth != pair.predicted)
        at, shades = cell[missed], colours[pair.truth[missed]]
        known[part] = np.bincount(cell[seen], minlength=rows * cols).reshape(rows, cols)
        wrong[part] = np.bincount(at, minlength=rows * cols).reshape(rows, cols)
        for band in range(3):
            sums = np.bincount(at, shades[:, band], rows * cols)
            colour[part][..., band] = sums.reshape(rows, cols)
    mean_colour = colour / np.maximum(wrong, 1)[..., None]
    return Overview(step, truth, predicted, ratio(wrong, known), mean_colour)


def add_overview(page: Page, name: str, overview: Overview, classes: Sequence[ClassInfo]) -> None:
    """Add the map of errors, and below it truth and prediction, half as large.

    The prediction is shown whole; where truth covers a part, a frame is around it.
    """
    scale = f"one dot is {overview.step} x {overview.step} pixels" if overview.step > 1 else ""
    height, width = overview.truth.shape
    shown = _SIDE * width // max(height, width)
    page.figure(
        picture(overview.errors, width=shown, alt=f"errors of {name}"),
        ", ".join(filter(None, (f"Errors of {name}", scale))),
    )
    known = np.isfinite(overview.wrong)
    where = ""
    pictures = [colour_classes(ids, classes) for ids in (overview.truth, overview.predicted)]
    if not known.all():
        where = f", of all the map; {int((~known).sum()):,} of {known.size:,} dots have no truth"
        if known.any() and (box := _box(known)) != Window(0, 0, height, width):
            where += ", and the others lie in the frame"
            pictures = [_frame(rgb, box) for rgb in pictures]
    for what, rgb in zip(("Truth", "Prediction"), pictures, strict=True):
        page.figure(picture(rgb, width=shown // 2, alt=what), what + where * (what == "Prediction"))


def _box(known: NDArray[np.bool_]) -> Window:
    """Return the least rectangle of dots that holds all known ones."""
    rows, cols = (np.flatnonzero(known.any(axis)) for axis in (1, 0))
    return Window(int(rows[0]), int(cols[0]), int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1)


def _frame(rgb: NDArray[np.uint8], box: Window) -> NDArray[np.uint8]:
    """Draw a line around a rectangle, black beside white, so that it shows on any colour."""
    framed = rgb.copy()
    for margin, colour in ((4, 255), (2, 0)):
        row, col = max(box.row - margin, 0), max(box.col - margin, 0)
        framed[row : box.stop_row + margin, col : box.stop_col + margin] = colour
    framed[box.slices] = rgb[box.slices]
    return framed
