"""Segments what an image still lacks, and makes each region durable."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from tilesegm.engine.regions import Region, pending_runs
from tilesegm.engine.stream import Job, stream
from tilesegm.events import OnEvent, PixelsDone
from tilesegm.sink.staging import Staging

__all__ = ["Tally", "run_regions"]


@dataclass(frozen=True)
class Tally:
    """Tiles of all runs on an image, from the first to the one that finished it."""

    computed: int
    skipped: int


def run_regions(
    job: Job, panels: tuple[tuple[Region, ...], ...], staging: Staging, on_event: OnEvent
) -> Tally:
    """Compute the regions that ``staging`` lacks.

    Raises:
        SourceError: pixels cannot be read.
        ModelError: the network fails, or gives NaN or infinite scores.
        OutputError: results cannot be written.
        MemoryError: the device ran out of memory; finished regions are safe.
    """
    for run in pending_runs(panels, staging.done):
        with closing(stream(job, run)) as finished_regions:
            for finished in finished_regions:
                window = finished.region.window
                for name, values in finished.results.items():
                    staging.write(name, window, values)
                facts = {"computed": finished.computed, "skipped": finished.skipped}
                staging.commit(finished.region.number, facts)
                on_event(PixelsDone(window.pixels))
    facts_of_all = staging.facts.values()
    return Tally(
        computed=sum(facts["computed"] for facts in facts_of_all),
        skipped=sum(facts["skipped"] for facts in facts_of_all),
    )
