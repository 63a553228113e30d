"""Measuring scenes: each pixel is read once, by windows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from tilesegm.data.patch import Patch
from tilesegm.data.scenes import Scenes
from tilesegm.data.statistics.cache import load_statistics, save_statistics, scenes_digest
from tilesegm.data.statistics.cells import Cells, Layout
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.window import Window

__all__ = ["measure", "measure_labels"]

_Read = Callable[[int, Window], Patch]

_SIDE = 1024
"""About the side of the windows that are read: whole blocks of common formats."""
_SAMPLE = 2**24
"""Values that are sampled at most over all scenes: percentiles and pictures are made of them."""
_READERS = 8
"""Threads at most: decoding more windows at once costs memory and wins little."""


def measure(
    scenes: Scenes, *, cell: int = 64, cache: Path | None = None, on_event: OnEvent = ignore
) -> tuple[SceneStatistics, ...]:
    """Measure labels and pixels of scenes, cell by cell.

    Images are read once, by windows of about 1024 x 1024 pixels, on several threads. What is kept
    is ``16 + 8 K + 16 B`` bytes per cell for K classes and B bands, 20 bytes for each pixel along
    the edges of windows, and a sample of at most 2**24 values over all scenes.

    Args:
        scenes: images with labels.
        cell: side of a cell in pixels; see `cell_side`.
        cache: file (``.npz``) to read them from when it was measured on the same scenes, and to
            write them to otherwise.
        on_event: called with progress.

    Returns:
        One per scene, in their order.

    Raises:
        SettingsError: ``cell`` is no positive number.
        SourceError: pixels or labels cannot be read.
        OutputError: the cache cannot be written.
    """
    if cell < 1:
        raise SettingsError(f"cell is {cell} pixels; it must be at least 1")
    key = scenes_digest(scenes, cell)
    statistics = load_statistics(cache, key) if cache else None
    if statistics is None:
        statistics = _measure(scenes, cell, on_event, scenes.read, scenes.bands)
        if cache:
            save_statistics(cache, statistics, key)
    return statistics


def measure_labels(
    scenes: Scenes, *, cell: int = 64, on_event: OnEvent = ignore
) -> tuple[SceneStatistics, ...]:
    """Measure the labels of scenes as `measure` does, without reading images that miss no pixel.

    What concerns pixels has no bands, and `valid` counts all of them.
    """

    def read(scene: int, window: Window) -> Patch:
        labels = scenes.read_labels(scene, window)
        return Patch(np.zeros((*labels.shape, 0)), np.ones(labels.shape, bool), labels)

    return _measure(scenes, cell, on_event, read, bands=0)


def _measure(
    scenes: Scenes, cell: int, on_event: OnEvent, read: _Read, bands: int
) -> tuple[SceneStatistics, ...]:
    pixels = sum(info.height * info.width for info in scenes.infos)
    layout = Layout(
        cell=cell,
        side=cell * max(1, round(_SIDE / cell)),
        step=max(1, math.ceil(math.sqrt(pixels * max(bands, 1) / _SAMPLE))),
        classes=len(scenes.classes),
        bands=bands,
        dtype=scenes.dtype,
    )
    collected = [Cells(info.name, (info.height, info.width), layout) for info in scenes.infos]
    on_event(StageStarted("statistics"))
    _read(read, collected, on_event)
    return tuple(cells.finish() for cells in collected)


def _read(read: _Read, collected: Sequence[Cells], on_event: OnEvent) -> None:
    """Read all windows of all scenes."""
    jobs = [(n, window) for n, cells in enumerate(collected) for window in cells.windows]

    def add(scene: int, window: Window) -> None:
        collected[scene].add(window, read(scene, window))

    pool = ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1))
    try:
        for done, job in enumerate(as_completed([pool.submit(add, *job) for job in jobs]), 1):
            job.result()
            on_event(StageProgress(done / len(jobs)))
    finally:
        pool.shutdown(cancel_futures=True)
