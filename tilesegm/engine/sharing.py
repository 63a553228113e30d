"""How the regions of an image are shared among workers: what is computed twice, who waits."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tilesegm.engine.needed import NeededTiles, all_tiles
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
    tiles: int
    """Tiles that all workers compute together."""
    skipped: int
    """Tiles that they find to hold no pixel to classify."""
    redundancy: float
    """Pixels computed / pixels, where there is something to classify."""
    busy: float
    """Fraction of time that workers compute, as long as all are equally fast."""
    speedup: float
    """Times that it is faster than one process with the cores of one worker."""


def share(plan: Plan, workers: int, needed: NeededTiles | None = None) -> Sharing:
    """Choose the length of runs that takes the least time where all tiles are computed.

    Args:
        plan: of the image.
        workers: that compute at a time, at least 1.
        needed: the tiles that are computed, for what is told of them; None for all. They do not
            change the length, since a run begins before they are known.
    """
    count = sum(len(panel) for panel in plan.panels)
    most = max(1, min(_LONGEST, -(-count // workers)))
    every = all_tiles(plan)
    shares = [_shared(plan, workers, regions, every) for regions in range(1, most + 1)]
    best = max(one.speedup for one in shares)
    good = [one for one in shares if one.speedup * _NEAR >= best]
    # Each run costs messages, so many of them may as well be longer.
    longer = [one for one in good if one.runs >= _PLENTY * workers]
    chosen = longer[-1] if longer else good[0]
    return chosen if needed is None else _shared(plan, workers, chosen.regions, needed)


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


def _shared(plan: Plan, workers: int, regions: int, needed: NeededTiles) -> Sharing:
    runs = [
        panel[start : start + regions]
        for panel in plan.panels
        for start in range(0, len(panel), regions)
    ]
    costs = needed.of_runs(plan, runs)
    total, seconds = sum(costs), _makespan(costs, workers)
    return Sharing(
        workers=workers,
        regions=regions,
        runs=len(costs),
        tiles=total,
        skipped=sum(all_tiles(plan).of_runs(plan, runs)) - total,
        redundancy=plan.redundancy * total / (needed.tiles or 1),
        busy=total / (workers * (seconds or 1)),
        speedup=needed.tiles / seconds if seconds else 1,
    )


def _makespan(costs: list[int], workers: int) -> float:
    """Return when the last worker is done, in tiles, if each takes the next run when it is free."""
    if len(costs) >= _MANY * workers:
        return sum(costs) / workers + max(costs) / 2
    free = [0] * workers
    for cost in costs:
        heapq.heapreplace(free, free[0] + cost)
    return max(free)
