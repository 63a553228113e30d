"""Rectangles that are streamed and made durable on their own."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tilesegm.grid.window import Window

__all__ = ["Region", "pending_runs", "plan_regions"]


@dataclass(frozen=True)
class Region:
    """A rectangle of the result whose edges are chunk edges of the store, or the image's own."""

    number: int
    window: Window


def plan_regions(height: int, width: int, chunk: int, panel: int) -> tuple[tuple[Region, ...], ...]:
    """Divide an image into panels of columns, and each panel into regions one chunk high.

    Args:
        height: rows of the image.
        width: columns of the image.
        chunk: side of a chunk of the store.
        panel: columns of a panel, a multiple of ``chunk``.

    Returns:
        For each panel its regions from top to bottom; numbers count through all panels.
    """
    numbers = itertools.count()
    return tuple(
        tuple(Region(next(numbers), window) for window in column.tiles(chunk, panel))
        for column in Window(0, 0, height, width).tiles(height, panel)
    )


def pending_runs(
    panels: tuple[tuple[Region, ...], ...], done: Collection[int]
) -> Iterator[tuple[Region, ...]]:
    """Yield runs of neighbouring regions that are still to be computed, panel by panel."""
    for panel in panels:
        for finished, run in itertools.groupby(panel, key=lambda region: region.number in done):
            if not finished:
                yield tuple(run)
