"""Which tiles hold a pixel to classify, found before any of them is computed."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tilesegm.engine.batches import Reading, count_wanted
from tilesegm.engine.plan import Plan
from tilesegm.engine.regions import Region
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

__all__ = ["NeededTiles", "all_tiles", "find_needed"]

_READ = 1 << 25
"""Pixels up to which an image is read to find them."""


@dataclass(frozen=True, kw_only=True)
class NeededTiles:
    """How many tiles are computed of each row of the grid."""

    rows: tuple[tuple[int, ...], ...]
    """For each panel, the tiles of each row that hold a pixel to classify."""
    assumed: str = ""
    """What is taken for granted of pixels that were not read; empty where the numbers are exact."""

    @property
    def tiles(self) -> int:
        """Tiles that one process computes."""
        return sum(map(sum, self.rows))

    def of_runs(self, plan: Plan, runs: Iterable[tuple[Region, ...]]) -> list[int]:
        """Return how many tiles each run of regions computes.

        Args:
            plan: of the image.
            runs: of neighbouring regions of one panel each, from top to bottom.
        """
        spans = plan.grid.rows.spans
        firsts, lasts = [one.first for one in spans], [one.last for one in spans]
        panels = {panel[0].window.col: number for number, panel in enumerate(plan.panels)}
        before = [np.cumsum([0, *panel]) for panel in self.rows]
        costs = []
        for run in runs:
            top, bottom = plan.tiled(run[0].window), plan.tiled(run[-1].window)
            upto = before[panels[run[0].window.col]]
            first, stop = bisect_right(lasts, top.row), bisect_left(firsts, bottom.stop_row)
            costs.append(int(upto[stop] - upto[first]))
        return costs


def all_tiles(plan: Plan) -> NeededTiles:
    """Return all tiles of an image, as they are computed where nothing is left out."""
    rows = len(plan.grid.rows.spans)
    return NeededTiles(rows=tuple((len(plan.across(panel)),) * rows for panel in plan.panels))


def find_needed(plan: Plan, reading: Reading) -> NeededTiles:
    """Find the tiles that a run computes, by the code that hands them out.

    Args:
        plan: of the image.
        reading: as of the run, with its area of interest and background. Where pixels tell more
            than these, the image is read, unless it is large.

    Raises:
        SourceError: pixels cannot be read.
    """
    info, area, background = reading.source.info, reading.area, reading.background
    margins = background is not None and not background.exact
    if not info.masked and area is None and background is None:
        return all_tiles(plan)
    assumed = ["no pixel is missing"] if info.masked else []
    if margins:
        assumed.append("all pixels in cells of a margin are of its colour")
    if assumed and max(info.pixels, math.prod(info.original or ())) <= _READ:
        assumed = []
    else:
        blank = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (info.height, info.width, 1))
        cells = None if background is None else background.by_cells()
        source = open_source(blank)
        reading = replace(
            reading, source=source, background=cells, fill=(0.0,), more_fills=(), digests=False
        )
    rows = [tuple(count_wanted(reading, plan.tiled(_window(panel)))) for panel in plan.panels]
    return NeededTiles(rows=tuple(rows), assumed=" and ".join(assumed))


def _window(panel: tuple[Region, ...]) -> Window:
    top, bottom = panel[0].window, panel[-1].window
    return Window(top.row, top.col, bottom.stop_row - top.row, top.width)
