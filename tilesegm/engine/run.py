"""Segments what an image still lacks, and makes each region durable."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from tilesegm.engine.batches import Reading
from tilesegm.engine.heap import share_heap, trim_heap
from tilesegm.engine.on_grid import stream_results
from tilesegm.engine.regions import Region, pending_runs
from tilesegm.engine.stream import Finished, Job
from tilesegm.errors import BudgetError
from tilesegm.events import Noted, OnEvent, PixelsDone
from tilesegm.sink.layer import Layer
from tilesegm.sink.region_store import DurableStore, RegionStore

__all__ = [
    "INPUT",
    "TileCounts",
    "agreed_batch",
    "agreed_reading",
    "count_tiles",
    "facts_of",
    "finished_pixels",
    "run_regions",
    "with_batch",
]

_COUNTS = ("computed", "skipped", "infinite", "empty")
"""Facts of a region; `infinite` is left out where it is 0, `empty` by earlier versions."""
_SHRINKS = "batches shrink"
"""Note of a run with an area alone; earlier versions filled its batches up and noted nothing."""
INPUT = "input"
"""Fact of a region: the digest of all that it depends on beside the network."""


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
    job: Job, panels: tuple[tuple[Region, ...], ...], staging: RegionStore, on_event: OnEvent
) -> TileCounts:
    """Compute the regions that ``staging``, on disk or in memory, lacks.

    When the device runs out of memory the batch is halved, for this run and those that resume it.

    Raises:
        SourceError: pixels cannot be read.
        ModelError: the network fails, or gives NaN or infinite scores.
        OutputError: results cannot be written.
        BudgetError: the device has no memory for a single tile; finished regions are safe.
    """
    share_heap()
    job = with_batch(job, agreed_batch(staging, job.reading.batch, on_event))
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
            job = with_batch(job, job.reading.batch // 2)
            staging.note("batch", job.reading.batch)
    return count_tiles(staging)


def count_tiles(staging: RegionStore) -> TileCounts:
    """Add up the facts of all finished regions."""
    sums, told = dict.fromkeys(_COUNTS, 0), True
    for counts in staging.facts.values():
        told &= "empty" in counts
        for name in _COUNTS:
            sums[name] += counts.get(name, 0)
    return TileCounts(**sums if told else sums | {"empty": 0})


def facts_of(finished: Finished, layers: Sequence[Layer]) -> dict[str, int | str]:
    """Return what is kept with a finished region, beside its pixels.

    Args:
        finished: the region.
        layers: of its results.
    """
    (classes,) = (layer for layer in layers if layer.name == "classes")
    empty = int(np.count_nonzero(finished.results["classes"] == classes.nodata))
    facts: dict[str, int | str] = {
        "computed": finished.computed,
        "skipped": finished.skipped,
        "empty": empty,
    }
    if finished.infinite:
        facts["infinite"] = finished.infinite
    if finished.digest:
        facts[INPUT] = finished.digest
    return facts


def finished_pixels(panels: tuple[tuple[Region, ...], ...], staging: DurableStore) -> int:
    """Return how many pixels an earlier run has finished, once it is known that they are right.

    Raises:
        OutputError: they cannot be read.
    """
    regions = tuple(itertools.chain.from_iterable(panels))
    staging.keep_only({region.number: region.window for region in regions}, _COUNTS)
    return sum(region.window.pixels for region in regions if region.number in staging.done)


def agreed_batch(staging: RegionStore, planned: int, on_event: OnEvent) -> int:
    """Return the batch that an earlier run came down to, by halving the planned one."""
    noted = staging.notes.get("batch", planned)
    halved = [planned >> n for n in range(planned.bit_length())]
    if type(noted) is int and noted in halved:
        return noted
    on_event(
        Noted(f"{staging.place}: the journal names a batch that no run had; {planned} is taken")
    )
    staging.note("batch", planned)  # what results tell of their making
    return planned


def agreed_reading(staging: RegionStore, reading: Reading, *, shrinks: bool = True) -> Reading:
    """Return the reading with batches that shrink, unless a run began without.

    Args:
        staging: of the run.
        reading: as it is planned.
        shrinks: whether a run that begins now lets batches shrink beside an area alone.
    """
    if reading.shrinks_by_area and shrinks and not staging.done:
        staging.note(_SHRINKS, True)
    return reading.as_agreed(staging.notes.get(_SHRINKS) is True)


def with_batch(job: Job, batch: int) -> Job:
    """Return the job with another number of tiles in a batch."""
    return replace(job, reading=replace(job.reading, batch=batch))


def _run(
    job: Job, panels: tuple[tuple[Region, ...], ...], staging: RegionStore, on_event: OnEvent
) -> None:
    for run in pending_runs(panels, staging.done):
        with closing(stream_results(job, run)) as finished_regions:
            for finished in finished_regions:
                window = finished.region.window
                for name, values in finished.results.items():
                    staging.write(name, window, values)
                staging.commit(finished.region.number, facts_of(finished, job.decision.layers))
                trim_heap()
                on_event(PixelsDone(window.pixels))
