"""How the regions of an image are shared among workers: what is computed twice, who waits."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tilesegm.engine.plan import Plan
from tilesegm.engine.regions import Region, pending_runs

__all__ = ["Sharing", "cut_runs", "share"]

_LONGEST = 16
"""Regions of a run at the most: from there on little is saved, and the tail grows."""

_NEAR = 1.02
"""Runs are as good as the best where they take at most so much more time."""

_PLENTY = 8
"""Runs a worker that even out how fast workers are."""

_MANY = 32
"""Runs a worker from which on it does not matter which of them comes last."""


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Runs of neighbouring regions, each of which one worker computes from top to bottom.

    A run computes the row of tiles that crosses its upper edge again. Short runs repeat more of
    them, long ones leave workers idle at the end.
    """

    workers: int
    regions: int
    """Regions of a run, at most."""
    runs: int
    redundancy: float
    """Pixels computed / pixels of the image."""
    busy: float
    """Fraction of time that workers compute, as long as all are equally fast."""
    speedup: float
    """Times that it is faster than one process with the cores of one worker."""


def share(plan: Plan, workers: int) -> Sharing:
    """Choose the length of runs that takes the least time.

    Args:
        plan: of the image.
        workers: that compute at a time, at least 1.
    """
    count = sum(len(panel) for panel in plan.panels)
    most = max(1, min(_LONGEST, -(-count // workers)))
    shares = [_shared(plan, workers, regions) for regions in range(1, most + 1)]
    best = max(one.speedup for one in shares)
    good = [one for one in shares if one.speedup * _NEAR >= best]
    # Each run costs messages, so many of them may as well be longer.
    longer = [one for one in good if one.runs >= _PLENTY * workers]
    return longer[-1] if longer else good[0]


def cut_runs(
    panels: tuple[tuple[Region, ...], ...], done: Collection[int], regions: int
) -> Iterator[tuple[Region, ...]]:
    """Yield runs of neighbouring regions that are still to be computed, cut to a length.

    Args:
        panels: of the plan.
        done: numbers of finished regions.
        regions: of a run, at most.
    """
    for run in pending_runs(panels, done):
        for start in range(0, len(run), regions):
            yield run[start : start + regions]


def _shared(plan: Plan, workers: int, regions: int) -> Sharing:
    costs = _tiles_of_runs(plan, regions)
    total = sum(costs)
    seconds = _makespan(costs, workers)
    return Sharing(
        workers=workers,
        regions=regions,
        runs=len(costs),
        redundancy=plan.redundancy * total / plan.tiles,
        busy=total / (workers * seconds),
        speedup=plan.tiles / seconds,
    )


def _tiles_of_runs(plan: Plan, regions: int) -> list[int]:
    """Return the number of tiles that each run computes."""
    rows, cols = plan.grid.rows, plan.grid.cols
    firsts, lasts = [s.first for s in rows.spans], [s.last for s in rows.spans]
    costs = []
    for panel in plan.panels:
        windows = [plan.tiled(region.window) for region in panel]
        across = len(cols.cover(windows[0].col, windows[0].stop_col))
        for start in range(0, len(panel), regions):
            run = windows[start : start + regions]
            touching = bisect_left(firsts, run[-1].stop_row)
            touching -= bisect_right(lasts, run[0].row)
            costs.append(touching * across)
    return costs


def _makespan(costs: list[int], workers: int) -> float:
    """Return when the last worker is done, in tiles, if each takes the next run when it is free."""
    if len(costs) >= _MANY * workers:
        return sum(costs) / workers + max(costs) / 2
    free = [0] * workers
    for cost in costs:
        heapq.heapreplace(free, free[0] + cost)
    return max(free)
