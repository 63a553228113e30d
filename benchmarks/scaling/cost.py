"""The time of a run on workers, from what its parts cost."""

from __future__ import annotations

from dataclasses import dataclass

from tilesegm.engine.plan import Plan
from tilesegm.engine.sharing import share

__all__ = ["RunTime", "UnitCosts", "Work", "run_time"]


@dataclass(frozen=True, kw_only=True)
class UnitCosts:
    """Seconds of the parts of a run."""

    start: float
    """Until workers have started and opened image and network; all do so at once."""
    tile: float
    """Of a worker for a tile: reading, network, blending, deciding, its share of the chunks."""
    task: float
    """Of client and scheduler for a task, on its way there and back."""
    region: float
    """Of the client for a region: its line of the journal."""
    finish: float
    """Of the client for a million pixels of the finished file."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What has to be done, counted."""

    megapixels: float
    tiles: int
    """That are computed, those of the upper edges of runs again."""
    longest: int
    """Tiles that the busiest worker computes."""
    tasks: int
    regions: int

    @classmethod
    def of(cls, plan: Plan, workers: int) -> Work:
        """Count the work of a plan on so many workers."""
        sharing = share(plan, workers)
        tiles = round(sharing.redundancy * plan.tiles / plan.redundancy)
        return cls(
            megapixels=plan.info.pixels / 1e6,
            tiles=tiles,
            longest=round(tiles / (workers * sharing.busy)),
            tasks=sharing.runs,
            regions=sum(len(panel) for panel in plan.panels),
        )


@dataclass(frozen=True, kw_only=True)
class RunTime:
    """Seconds of a run. Workers and client work at the same time, so the slower of them counts."""

    start: float
    workers: float
    client: float
    finish: float

    @property
    def total(self) -> float:
        """From the command to the finished file."""
        return self.start + max(self.workers, self.client) + self.finish

    @property
    def bound(self) -> str:
        """The part that takes longest."""
        parts = {
            "start": self.start,
            "workers": self.workers,
            "client": self.client,
            "finish": self.finish,
        }
        return max(parts, key=lambda name: parts[name])


def run_time(work: Work, costs: UnitCosts) -> RunTime:
    """Add up the parts of a run.

    The client sends tasks and writes the journal one after the other; it is the only part, beside
    the end, that does not get faster with more workers.
    """
    return RunTime(
        start=costs.start,
        workers=work.longest * costs.tile,
        client=work.tasks * costs.task + work.regions * costs.region,
        finish=work.megapixels * costs.finish,
    )
