"""Measuring scenes: each pixel is read once, by windows."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from tilesegm.data.statistics.cache import load_statistics, save_statistics, scenes_digest
from tilesegm.data.statistics.cells import Cells, Layout
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.source.base import Pixels
from tilesegm.source.missing import count_infinite, infinite_note

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes

__all__ = ["measure"]

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
    _note(scenes, on_event)
    key = scenes_digest(scenes, cell)
    if cache and (cached := load_statistics(cache, key)):
        return cached
    pixels = sum(info.height * info.width for info in scenes.infos)
    layout = Layout(
        cell=cell,
        side=cell * max(1, round(_SIDE / cell)),
        step=max(1, math.ceil(math.sqrt(pixels * scenes.bands / _SAMPLE))),
        classes=len(scenes.classes),
        bands=scenes.bands,
        dtype=scenes.dtype,
    )
    collected = [Cells(info.name, (info.height, info.width), layout) for info in scenes.infos]
    on_event(StageStarted("statistics"))
    infinite = _read(scenes, collected, on_event)
    for image, count in zip(scenes.images, infinite, strict=True):
        if count:
            on_event(Noted(f"{image.uri}: {infinite_note(count)}"))
    statistics = tuple(cells.finish() for cells in collected)
    if cache:
        save_statistics(cache, statistics, key)
    return statistics


def _note(scenes: Scenes, on_event: OnEvent) -> None:
    """Say what was assumed when the images were opened, each thing once."""
    images: dict[str, list[str]] = {}
    for image in scenes.images:
        for note in image.notes:
            images.setdefault(note, []).append(image.uri)
    for note, names in images.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        on_event(Noted(f"{names[0]}{more}: {note}"))


def _read(scenes: Scenes, collected: Sequence[Cells], on_event: OnEvent) -> list[int]:
    """Read all windows of all scenes, and count the infinite pixels of each scene."""
    infinite = [0] * len(collected)
    jobs = [(n, window) for n, cells in enumerate(collected) for window in cells.windows]

    def add(scene: int, window: Window) -> tuple[int, int]:
        patch = scenes.read(scene, window)
        collected[scene].add(window, patch)
        return scene, int(count_infinite(Pixels(patch.pixels, patch.valid)).sum())

    pool = ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1))
    try:
        for done, job in enumerate(as_completed([pool.submit(add, *job) for job in jobs]), 1):
            scene, count = job.result()
            infinite[scene] += count
            on_event(StageProgress(done / len(jobs)))
    finally:
        pool.shutdown(cancel_futures=True)
    return infinite
