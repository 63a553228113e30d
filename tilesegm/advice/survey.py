"""Looks at the labels of training pixels, window by window."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.advice.facts import ClassFacts, Facts
from tilesegm.advice.neighbours import compare_neighbours
from tilesegm.advice.shapes import Shapes, find_shapes
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.split import SceneView
from tilesegm.data.statistics.seams import border_pixels
from tilesegm.events import OnEvent, StageProgress, StageStarted
from tilesegm.grid.window import Window

__all__ = ["survey"]

_SIDE = 1024
"""About the side of the windows that are looked at."""
_MOST = 2**23
"""Pixels that are looked at, about at most: more take long, and change the facts by little."""
_READERS = 4


@dataclass
class _Tally:
    """Sums over the windows."""

    shapes: list[Shapes]
    counts: NDArray[np.int64]
    """``(K,)`` labelled pixels."""
    filled: NDArray[np.int64]
    """``(K,)`` windows of the training size that have the class."""
    windows: int = 0
    """Windows of the training size with a label."""
    borders: int = 0
    scenes: set[int] = field(default_factory=set)


def survey(scenes: Scenes, views: Sequence[SceneView], size: int, on_event: OnEvent) -> Facts:
    """Measure the labels that may be learnt from.

    Args:
        scenes: images with labels.
        views: use of the pixels of each scene.
        size: side of a training window in pixels.
        on_event: called with progress.

    Raises:
        SourceError: labels cannot be read.
    """
    side = size * max(1, round(_SIDE / size))
    windows = [
        (number, window)
        for number, view in enumerate(views)
        for window in Window(0, 0, view.height, view.width).tiles(side)
        if view.trainable(window).any()
    ]
    pixels = sum(window.pixels for _, window in windows)
    # Spread evenly, so that no scene and no part of one is left out.
    step = max(1, round(pixels / _MOST))
    chosen = windows[step // 2 :: step]
    classes = len(scenes.classes)
    tally = _Tally(
        [Shapes() for _ in range(classes)],
        np.zeros(classes, np.int64),
        np.zeros(classes, np.int64),
    )
    instances = _have_instances(scenes, chosen)
    on_event(StageStarted("labels"))

    def look(number: int, window: Window) -> tuple[int, Any, Any]:
        labels = scenes.read_labels(number, window)
        labels[~views[number].trainable(window)] = IGNORE
        return number, labels, scenes.read_instances(number, window) if instances else None

    pool = ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1))
    try:
        jobs = [pool.submit(look, *each) for each in chosen]
        for done, job in enumerate(as_completed(jobs), 1):
            _add(tally, *job.result(), size)
            on_event(StageProgress(done / len(jobs)))
    finally:
        pool.shutdown(cancel_futures=True)
    agreement, moving = compare_neighbours(scenes, views)
    total = int(tally.counts.sum())
    return Facts(
        scenes=len(tally.scenes),
        window=size,
        pixels=total,
        looked_at=len(chosen) / max(len(windows), 1),
        border=tally.borders / max(total, 1),
        instances=instances,
        moving=moving,
        agreement=agreement,
        classes=tuple(
            _of_class(info.name, number, tally) for number, info in enumerate(scenes.classes)
        ),
    )


def _have_instances(scenes: Scenes, windows: Sequence[tuple[int, Window]]) -> bool:
    """Whether every scene that is looked at knows its objects."""
    one = dict(windows)
    return bool(one) and all(
        scenes.read_instances(number, Window(window.row, window.col, 1, 1)) is not None
        for number, window in one.items()
    )


def _add(
    tally: _Tally, number: int, labels: NDArray[np.int32], ids: NDArray[Any] | None, size: int
) -> None:
    known = labels != IGNORE
    if not known.any():
        return
    tally.scenes.add(number)
    tally.borders += int(np.count_nonzero(border_pixels(labels)))
    tally.windows += _blocks(known, size)
    for number, shapes in enumerate(tally.shapes):
        mask = labels == number
        pixels = int(np.count_nonzero(mask))
        if pixels:
            tally.counts[number] += pixels
            tally.filled[number] += _blocks(mask, size)
            find_shapes(shapes, mask, ids if ids is not None and (ids[mask] > 0).all() else None)


def _blocks(mask: NDArray[np.bool_], size: int) -> int:
    """Count the blocks of ``size`` x ``size`` pixels with any pixel of a mask."""
    rows, cols = (np.arange(0, n, size) for n in mask.shape)
    some = np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, 0), cols, 1)
    return int(np.count_nonzero(some))


def _of_class(name: str, number: int, tally: _Tally) -> ClassFacts:
    shapes = tally.shapes[number]
    areas = np.concatenate([*shapes.areas, np.zeros(0, np.int64)])
    pixels = int(tally.counts[number])
    return ClassFacts(
        name=name,
        pixels=pixels,
        share=pixels / max(int(tally.counts.sum()), 1),
        empty=1.0 - int(tally.filled[number]) / max(tally.windows, 1),
        objects=shapes.objects,
        diameter=2.0 * float(np.sqrt(np.median(areas) / np.pi)) if areas.size else None,
        near=shapes.near / shapes.objects if shapes.objects else None,
        width=shapes.width,
        length=shapes.length,
        tortuosity=shapes.tortuosity,
    )
