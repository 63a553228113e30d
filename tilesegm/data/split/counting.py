"""Labelled pixels of windows, from the statistics of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.grid.window import Window

__all__ = ["count_window"]


def count_window(scene: SceneStatistics, window: Window) -> NDArray[np.int64]:
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
