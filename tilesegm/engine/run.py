"""Segments what an image still lacks, and makes each region durable."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from tilesegm.engine.heap import share_heap, trim_heap
from tilesegm.engine.regions import Region, pending_runs
from tilesegm.engine.stream import Job, stream
from tilesegm.errors import BudgetError
from tilesegm.events import OnEvent, PixelsDone
from tilesegm.sink.staging import Staging

__all__ = ["TileCounts", "run_regions"]


@dataclass(frozen=True)
class TileCounts:
    """Tiles of all runs on an image, from the first to the one that finished it."""

    computed: int
    skipped: int
    infinite: int = 0
    """Pixels that are missing because they are infinite."""
    empty: int = 0
    """Pixels without a class: missing in the image, or outside the area of interest. 0 where a
    run of an earlier version, which did not count them, made a part of the result."""


def run_regions(
    job: Job, panels: tuple[tuple[Region, ...], ...], staging: Staging, on_event: OnEvent
) -> TileCounts:
    """Compute the regions that ``staging`` lacks.

    When the device runs out of memory the batch is halved, for this run and those that resume it.

    Raises:
        SourceError: pixels cannot be read.
        ModelError: the network fails, or gives NaN or infinite scores.
        OutputError: results cannot be written.
        BudgetError: the device has no memory for a single tile; finished regions are safe.
    """
    share_heap()
    job = _with_batch(job, staging.notes.get("batch", job.reading.batch))
    while True:
        try:
            _run(job, panels, staging, on_event)
            break
        except MemoryError as error:
            if job.reading.batch == 1:
                height, width = job.reading.grid.tile
                raise BudgetError(
                    f"the device runs out of memory on a single tile of {height} x {width} pixels; "
                    "take a smaller tile"
                ) from error
            job = _with_batch(job, job.reading.batch // 2)
            staging.note("batch", job.reading.batch)
    facts_of_all = staging.facts.values()
    counted = all("empty" in facts for facts in facts_of_all)
    return TileCounts(
        computed=sum(facts["computed"] for facts in facts_of_all),
        skipped=sum(facts["skipped"] for facts in facts_of_all),
        infinite=sum(facts.get("infinite", 0) for facts in facts_of_all),
        empty=sum(facts["empty"] for facts in facts_of_all) if counted else 0,
    )


def _with_batch(job: Job, batch: int) -> Job:
    return replace(job, reading=replace(job.reading, batch=batch))


def _run(
    job: Job, panels: tuple[tuple[Region, ...], ...], staging: Staging, on_event: OnEvent
) -> None:
    (classes,) = (layer for layer in job.decision.layers if layer.name == "classes")
    for run in pending_runs(panels, staging.done):
        with closing(stream(job, run)) as finished_regions:
            for finished in finished_regions:
                window = finished.region.window
                for name, values in finished.results.items():
                    staging.write(name, window, values)
                empty = np.count_nonzero(finished.results["classes"] == classes.nodata)
                facts = {"computed": finished.computed, "skipped": finished.skipped}
                facts["empty"] = int(empty)
                if finished.infinite:
                    facts["infinite"] = finished.infinite
                staging.commit(finished.region.number, facts)
                trim_heap()
                on_event(PixelsDone(window.pixels))
