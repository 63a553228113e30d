"""The windows in which most is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.grid.window import Window
from tilesegm.metrics.evaluation import Evaluation, ImageEvaluation
from tilesegm.metrics.map_counts import Block
from tilesegm.metrics.pair import WindowPair
from tilesegm.report.page import Page
from tilesegm.report.pictures import comparison

__all__ = ["ShownWindow", "add_worst_windows", "worst_blocks", "worst_window"]

_SIDE = 256
"""Side of a window that is shown, in pixels."""
_CELL = 32
"""Windows begin at multiples of it."""
_SHOWN = 250


@dataclass(frozen=True)
class ShownWindow:
    """A window of two maps that the page shows."""

    name: str
    """Of the prediction."""
    window: Window
    pair: WindowPair
    """Truth and prediction of the window."""
    image: NDArray[np.uint8] | None = None
    """``(height, width, 3)``, if there is an image."""
    drawn: str = ""
    """Bands and values that it shows."""


def worst_blocks(evaluation: Evaluation, count: int) -> list[tuple[ImageEvaluation, Block]]:
    """Return the blocks with most wrong pixels, worst first, each with its image."""
    blocks = [
        (image, block) for image in evaluation.images for block in image.blocks if _wrong(block)
    ]
    return sorted(blocks, key=lambda entry: -_wrong(entry[1]))[:count]


def worst_window(pair: WindowPair, row: int, col: int) -> Window:
    """Return the window of a block with most wrong pixels; ``row``, ``col`` are the block's."""
    wrong = (pair.truth != pair.unknown) & (pair.truth != pair.predicted)
    size = [-(-side // _CELL) for side in wrong.shape]
    padded = np.zeros((size[0] * _CELL, size[1] * _CELL), np.int64)
    padded[: wrong.shape[0], : wrong.shape[1]] = wrong
    cells = padded.reshape(size[0], _CELL, size[1], _CELL).sum((1, 3))
    reach = [min(_SIDE // _CELL, count) for count in size]
    sums = np.lib.stride_tricks.sliding_window_view(cells, reach).sum((2, 3))
    top, left = (int(n) * _CELL for n in np.unravel_index(sums.argmax(), sums.shape))
    height, width = wrong.shape
    return Window(row + top, col + left, min(_SIDE, height - top), min(_SIDE, width - left))


def add_worst_windows(
    page: Page, windows: Sequence[ShownWindow], classes: Sequence[ClassInfo]
) -> None:
    """Show image, truth, prediction and errors of some windows."""
    for shown in windows:
        pair, window = shown.pair, shown.window
        known = pair.truth != pair.unknown
        wrong = int((known & (pair.truth != pair.predicted)).sum())
        drawn = f". Image: {shown.drawn}" if shown.drawn else ""
        percent = 100 * wrong / max(int(known.sum()), 1)
        page.figure(
            comparison(pair.truth, pair.predicted, classes, shown.image, width=_SHOWN),
            f"{shown.name}, row {window.row}, column {window.col}, {window.height} x "
            f"{window.width} pixels: {percent:.1f} % are wrong{drawn}",
        )


def _wrong(block: Block) -> int:
    return int(block.confusion.sum() - np.trace(block.confusion))
