"""Computes what the outputs of an image lack, durably, and makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tilesegm.cluster.run import run_on_workers
from tilesegm.engine.plan import CHUNK
from tilesegm.engine.run import TileCounts, agreed_reading, finished_pixels, run_regions
from tilesegm.errors import OutputError
from tilesegm.events import Noted, OnEvent, RunStarted, StageProgress, StageStarted
from tilesegm.segmentation.machine import check_workers
from tilesegm.segmentation.order import RunOrder
from tilesegm.segmentation.outputs import Places, finish_outputs, make_facts
from tilesegm.segmentation.update import EarlierMap, inputs_text
from tilesegm.segmentation.work import Work, tell_notes
from tilesegm.sink.check import check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.region_store import DurableStore
from tilesegm.sink.staged_array import StagedDamageError
from tilesegm.sink.staging import Staging, staging_folder
from tilesegm.sink.staging_prefix import StagingPrefix
from tilesegm.sink.stored_staging import StoredStaging

__all__ = ["make_outputs"]

_ATTEMPTS = 3
"""Times that results are computed again which do not read back as they were written."""


def make_outputs(
    work: Work,
    paths: dict[str, Path],
    on_event: OnEvent,
    places: Places,
    earlier: EarlierMap | None,
    prefix: StagingPrefix | None = None,
) -> tuple[TileCounts, int, int | None]:
    """Compute what is neither staged nor in an earlier map, and make the outputs.

    Args:
        work: what is computed.
        paths: of the outputs by name.
        on_event: called with progress.
        places: of the outputs when the run began.
        earlier: map whose regions are kept.
        prefix: where unfinished results lie in a store, which stay there; None: beside the output.

    Returns:
        Tiles of this run and of those that it resumed, pixels that it found finished, and regions
        that the earlier map holds.
    """
    plan, output, request = work.plan, paths["classes"], work.request
    size, layers = (plan.info.height, plan.info.width), plan.decision.layers
    if request.pool is not None:
        check_workers(plan, request.pool, request.options.memory)
    # Class maps usually shrink to a tenth; a disk that fills up later is reported then.
    check_space(output, estimate_bytes(size, layers, CHUNK).total // 10)
    asked: dict[str, Any] = {
        "size": size,
        "layers": layers,
        "fingerprint": work.fingerprint,
        "chunk": CHUNK,
        "overwrite": request.overwrite,
    }
    with Staging.open(staging_folder(output), **asked) as staging, _unless_empty(staging, prefix):
        stored = None if prefix is None else StoredStaging.open(prefix, **asked)
        at: DurableStore = stored or staging
        work.inputs.check_resumed(at)
        work = _agreed(work, at, earlier)
        resumed = _begin(work, at, on_event)
        tell_notes(work, on_event)
        kept = None if earlier is None else earlier.keep(work, at, on_event)
        if kept is not None:
            resumed = _begin(work, at, on_event)  # pixels count again, after the look
        tiles = _compute(work, at, on_event)
        work.inputs.check_unchanged(at)
        if stored is not None:
            # Files are made by programs that know no store: here, and with what is missing.
            _fetch(stored, staging, on_event)
            work = replace(work, request=replace(request, pool=None))
            tiles = _compute(work, staging, on_event)
        for left in reversed(range(_ATTEMPTS)):
            try:
                facts = make_facts(plan, work.recipe(staging))
                if request.options.update:
                    facts = replace(facts, inputs=inputs_text(plan, staging, on_event))
                finish_outputs(staging, paths, facts, request.options, on_event, places)
                break
            except StagedDamageError as damage:
                if not left:
                    raise OutputError(
                        f"{damage}: {_ATTEMPTS} times in a row, so the disk or the memory of this "
                        "machine fails; write to another disk (-o)"
                    ) from damage
                _begin(work, staging, on_event)
                tiles = _compute(work, staging, on_event)
                work.inputs.check_unchanged(staging)
        staging.discard()
    return tiles, resumed, kept


@contextmanager
def _unless_empty(staging: Staging, prefix: StagingPrefix | None) -> Iterator[None]:
    """Leave no folder behind that holds nothing, where unfinished results lie in a store."""
    try:
        yield
    except BaseException:
        if prefix is not None:
            staging.abandon()
        raise


def _fetch(stored: StoredStaging, staging: Staging, on_event: OnEvent) -> None:
    on_event(StageStarted(f"fetching results from {stored.place}"))
    stored.move_to(staging, lambda fraction: on_event(StageProgress(fraction)))
    while staging.findings:
        on_event(Noted(staging.findings.pop(0)))


def _agreed(work: Work, staging: DurableStore, earlier: EarlierMap | None) -> Work:
    """Return the work with batches as those of the run that goes on, or of the earlier map."""
    shrinks = earlier is None or earlier.shrinks
    reading = agreed_reading(staging, work.job.reading, shrinks=shrinks)
    return replace(work, job=replace(work.job, reading=reading))


def _begin(work: Work, staging: DurableStore, on_event: OnEvent) -> int:
    """Say what was found to be damaged and how many pixels are finished, and return that."""
    info = work.plan.info
    finished = finished_pixels(work.plan.panels, staging)
    on_event(RunStarted(info.uri, info.pixels, finished))
    while staging.findings:
        on_event(Noted(staging.findings.pop(0)))
    return finished


def _compute(work: Work, staging: DurableStore, on_event: OnEvent) -> TileCounts:
    pool = work.request.pool
    try:
        if pool is None:
            return run_regions(work.job, work.plan.panels, staging, on_event)
        return run_on_workers(pool, RunOrder.of(pool, work), work.plan, staging, on_event)
    except BaseException:
        staging.abandon()
        raise
