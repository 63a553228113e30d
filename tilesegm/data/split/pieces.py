"""Parts that images are cut into, each of which serves one purpose."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.grid.window import Window

__all__ = [
    "ROLES",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Piece",
    "SplitScene",
    "count_labels",
    "cut_blocks",
]

TEST = -1
"""Fold of pieces that nothing is learnt from or chosen by."""
TRAIN = -2
"""Fold of pieces that are learnt from whichever fold is held out."""
VALIDATION = -3
"""Fold of pieces that are held out whichever fold is."""

ROLES = {"test": TEST, "train": TRAIN, "validation": VALIDATION}
"""Folds of scenes with a role of their own."""


@dataclass(frozen=True, slots=True)
class SplitScene:
    """A scene that is split."""

    name: str
    height: int
    width: int
    image: str = field(default="", compare=False)
    """Name of its image without folder and suffix; empty in files that do not tell it."""

    @property
    def window(self) -> Window:
        """All of the scene."""
        return Window(0, 0, self.height, self.width)


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of a scene, and the part of the split that it belongs to."""

    scene: str
    """Name of the scene."""
    window: Window
    fold: int
    """From 0, or one of ``TEST``, ``TRAIN`` and ``VALIDATION``."""


def cut_blocks(height: int, width: int, block: int) -> tuple[Window, ...]:
    """Cut an image into squares of ``block`` pixels, row by row.

    What is left at the lower and right edge is a block of its own when it is at least half as long
    as others, and belongs to its neighbour otherwise.
    """
    rows, cols = _cuts(height, block), _cuts(width, block)
    return tuple(
        Window(top, left, bottom - top, right - left)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(cols)
    )


def _cuts(size: int, block: int) -> list[int]:
    parts = max(1, size // block + (2 * (size % block) >= block))
    return [*range(0, parts * block, block), size]


def count_labels(scene: SceneStatistics, window: Window) -> NDArray[np.int64]:
    """Count the labelled pixels of each class in the cells whose middle lies in a window.

    Exact where the window consists of whole cells; windows that share no pixel share no cell.

    Returns:
        ``(K,)``.
    """
    half, cell = scene.cell // 2, scene.cell
    rows, cols = (
        # The last cells are cut off by the image, and belong to what reaches its edge.
        slice((start + half) // cell, None if stop == size else (stop + half) // cell)
        for start, stop, size in (
            (window.row, window.stop_row, scene.height),
            (window.col, window.stop_col, scene.width),
        )
    )
    counts: NDArray[np.int64] = scene.counts[rows, cols].sum(axis=(0, 1))
    return counts
