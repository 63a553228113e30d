"""Computes what the outputs of an image lack, durably, and makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tilesegm.cluster.run import run_on_workers
from tilesegm.engine.plan import CHUNK
from tilesegm.engine.run import TileCounts, agreed_reading, finished_pixels, run_regions
from tilesegm.errors import OutputError
from tilesegm.events import Noted, OnEvent, RunStarted
from tilesegm.segmentation.machine import check_workers
from tilesegm.segmentation.order import RunOrder
from tilesegm.segmentation.outputs import Places, finish_outputs, make_facts
from tilesegm.segmentation.update import EarlierMap, inputs_text
from tilesegm.segmentation.work import Work, tell_notes
from tilesegm.sink.check import check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.staged_array import StagedDamageError
from tilesegm.sink.staging import Staging, staging_folder

__all__ = ["make_outputs"]

_ATTEMPTS = 3
"""Times that results are computed again which do not read back as they were written."""


def make_outputs(
    work: Work,
    paths: dict[str, Path],
    on_event: OnEvent,
    places: Places,
    earlier: EarlierMap | None,
) -> tuple[TileCounts, int, int | None]:
    """Compute what is neither staged nor in an earlier map, and make the outputs.

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
    with Staging.open(
        staging_folder(output),
        size=size,
        layers=layers,
        fingerprint=work.fingerprint,
        chunk=CHUNK,
        overwrite=request.overwrite,
    ) as staging:
        work.inputs.check_resumed(staging)
        work = _agreed(work, staging, earlier)
        resumed = _begin(work, staging, on_event)
        tell_notes(work, on_event)
        kept = None if earlier is None else earlier.keep(work, staging, on_event)
        if kept is not None:
            resumed = _begin(work, staging, on_event)  # pixels count again, after the look
        tiles = _compute(work, staging, on_event)
        work.inputs.check_unchanged(staging)
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


def _agreed(work: Work, staging: Staging, earlier: EarlierMap | None) -> Work:
    """Return the work with batches as those of the run that goes on, or of the earlier map."""
    shrinks = earlier is None or earlier.shrinks
    reading = agreed_reading(staging, work.job.reading, shrinks=shrinks)
    return replace(work, job=replace(work.job, reading=reading))


def _begin(work: Work, staging: Staging, on_event: OnEvent) -> int:
    """Say what was found to be damaged and how many pixels are finished, and return that."""
    info = work.plan.info
    finished = finished_pixels(work.plan.panels, staging)
    on_event(RunStarted(info.uri, info.pixels, finished))
    while staging.findings:
        on_event(Noted(staging.findings.pop(0)))
    return finished


def _compute(work: Work, staging: Staging, on_event: OnEvent) -> TileCounts:
    pool = work.request.pool
    try:
        if pool is None:
            return run_regions(work.job, work.plan.panels, staging, on_event)
        return run_on_workers(pool, RunOrder.of(pool, work), work.plan, staging, on_event)
    except BaseException:
        # Nothing to go on with: leave nothing behind.
        if not staging.done:
            staging.discard()
        raise
