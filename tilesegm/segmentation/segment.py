"""Segments an image of any size into a class map."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.engine.batches import read_tiles
from tilesegm.engine.plan import CHUNK, Plan, make_fingerprint
from tilesegm.engine.run import TileCounts, finished_pixels, run_regions
from tilesegm.engine.stream import Job
from tilesegm.errors import OutputError
from tilesegm.events import Noted, OnEvent, RunEnded, RunStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.segmentation.inputs import Inputs
from tilesegm.segmentation.machine import check_machine
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import (
    Places,
    check_inputs,
    check_outputs,
    extra_paths,
    finish_outputs,
    make_facts,
    output_paths,
    reads_of,
)
from tilesegm.segmentation.recipe import Recipe, image_name
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.setup import notes_of, open_image, open_predictor, plan_for
from tilesegm.segmentation.values import strange_values
from tilesegm.sink.check import check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.provenance import check_finished, digest
from tilesegm.sink.result_check import check_result
from tilesegm.sink.staged_array import StagedDamageError
from tilesegm.sink.staging import Staging, has_unfinished, staging_folder
from tilesegm.sink.staging_folder import remove_leftovers
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.hidden import find_hidden
from tilesegm.source.missing import infinite_note
from tilesegm.source.vector.reading import tell

__all__ = ["Request", "run_request", "segment"]

_ATTEMPTS = 3
"""Times that results are computed again which do not read back as they were written."""

_LOOKED_AT = 2**22
"""Pixels up to which all of them are looked at before a run, and samples of larger images."""


def segment(
    image: Any,
    model: Any,
    output: str | Path,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Segmentation:
    """Segment an image of any size into a class map, in bounded memory.

    An interrupted run keeps its finished regions beside the output; the same call resumes it.

    Args:
        image: path, URL, list of paths, or array; see `open_source`.
        model: bundle folder, ``.keras`` file, SavedModel folder, Keras model, or any callable
            ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``.
        output: ``.tif`` for a Cloud Optimized GeoTIFF, ``.zarr`` for OME-Zarr.
        tiling: size, overlap and blending of tiles.
        options: everything else.
        overwrite: replace a finished output of tilesegm, and discard unfinished work, unless an
            equal call with it began that.
        on_event: called with the events of `tilesegm.events` as work proceeds.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        OutputError: the output cannot be written.
        BudgetError: the run needs more memory than allowed.
        ResumeError: unfinished work beside the output differs, or another run writes it.

    Example:
        The brightest of three bands, as a class map:

        >>> import numpy as np
        >>> import tilesegm as ts
        >>> image = np.zeros((300, 400, 3), np.uint8)
        >>> image[:, :, 0], image[:, 250:, 2] = 50, 90
        >>> tiling = ts.Tiling(tile=128, overlap=32)
        >>> result = ts.segment(image, lambda pixels: pixels, "classes.tif", tiling=tiling)
        >>> result
        Segmentation(classes.tif, 300 x 400 px, 3 classes, 12 tiles, ... MP/s)
        >>> with ts.open_source(result.output) as classes:
        ...     classes.read(ts.Window(0, 248, 1, 4)).values[0, :, 0]
        array([0, 0, 2, 2], dtype=uint8)
    """
    request = Request.of(model, tiling, options, overwrite)
    paths = output_paths(Path(output), request.options).values()
    check_inputs(paths, reads_of(image, model, request.options))
    return run_request(
        image, lambda info: open_predictor(model, info, request.options), output, request, on_event
    )


@dataclass(frozen=True)
class Request:
    """Settings of a run, for one image or many."""

    tiling: Tiling
    options: Options
    overwrite: bool
    model: str | None
    """Path of the network, which results tell."""

    @classmethod
    def of(
        cls, model: Any, tiling: Tiling | None, options: Options | None, overwrite: bool
    ) -> Request:
        """Fill in what was left out."""
        path = os.path.abspath(model) if isinstance(model, str | os.PathLike) else None
        return cls(tiling or Tiling(), options or Options(), overwrite, path)


def run_request(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    output: str | Path,
    request: Request,
    on_event: OnEvent,
) -> Segmentation:
    """Segment one image with the network that ``opener`` gives for it; see `segment`."""
    began = time.monotonic()
    paths = output_paths(Path(output), request.options)
    check_outputs(paths.values())
    with open_image(image, request.options) as source:
        for note in source.info.notes:
            on_event(Noted(f"{source.info.uri}: {note}"))
        # Only alpha can be doubtful: nothing is read of an image without.
        for hidden in find_hidden(source, _LOOKED_AT) if source.info.alpha else ():
            if hidden.doubtful:
                on_event(Noted(f"{source.info.uri}: {hidden.text}"))
        work = _plan_work(image, source, opener, request, on_event)
        info = work.plan.info
        places = Places.of(paths.values())
        finished = not request.overwrite and _is_finished(paths, work, on_event)
        if finished:
            tiles, resumed = TileCounts(computed=0, skipped=0), info.pixels
        else:
            tiles, resumed = _run(work, paths, request, on_event, places)
    if tiles.infinite:
        on_event(Noted(f"{info.uri}: {infinite_note(tiles.infinite)}"))
    if tiles.empty == info.pixels:
        area = request.options.area
        where = f"outside {area}" if area else "missing: `tilesegm info` tells why"
        if area and info.masked:
            where = f"missing or {where}"
        on_event(Noted(f"{info.uri}: no pixel gets a class; all of them are {where}"))
    seconds = time.monotonic() - began
    if not finished:
        on_event(RunEnded(info.uri, seconds))
    return Segmentation(
        output=paths["classes"],
        extras=extra_paths(paths),
        plan=work.plan,
        tiles=tiles.computed,
        skipped=tiles.skipped,
        infinite=tiles.infinite,
        empty=tiles.empty,
        resumed=resumed,
        seconds=seconds,
    )


@dataclass(frozen=True, kw_only=True)
class _Work:
    """An image and a network that fit each other."""

    plan: Plan
    job: Job
    fingerprint: dict[str, Any]
    inputs: Inputs
    request: Request
    image: str | list[str] | None
    """What opens the image again, if anything does."""

    def recipe(self, staging: Staging) -> Recipe:
        """Say how the staged results were made."""
        return Recipe(
            image=self.image,
            model=self.request.model,
            tiling=self.request.tiling,
            options=self.request.options,
            batch=staging.notes.get("batch", self.job.reading.batch),
            fingerprint=self.fingerprint,
        )


def _plan_work(
    image: Any,
    source: Source,
    opener: Callable[[ImageInfo], Predictor],
    request: Request,
    on_event: OnEvent,
) -> _Work:
    options = request.options
    area = open_area(options.area, source.info) if options.area else None
    told = [*tell(filter(None, [area.reading])), *area.notes] if area else []
    for line in told:
        on_event(Noted(line))
    inputs = Inputs.of(source, area, options)
    predictor = opener(source.info)
    plan = plan_for(source.info, predictor.spec, request.tiling, options)
    check_machine(plan, options.memory)
    reading = plan.reading(source, area)
    if options.precision == "auto":
        # The first call decides on the precision. Let it be the same tile in a resumed run,
        # and the first image in a resumed batch.
        rows, cols = plan.grid.rows.spans, plan.grid.cols.spans
        predictor(read_tiles(reading, rows[len(rows) // 2].start, cols[len(cols) // 2].start))
    job = Job(reading, predictor, plan.decision)
    return _Work(
        plan=plan,
        job=job,
        fingerprint=inputs.add_to(make_fingerprint(plan, area)),
        inputs=inputs,
        request=request,
        image=image_name(image, source.info.uri),
    )


def _is_finished(paths: dict[str, Path], work: _Work, on_event: OnEvent) -> bool:
    """Tell whether the outputs are those of this work already, and whole.

    Raises:
        OutputError: the outputs exist and are something else, or are damaged.
    """
    output = paths["classes"]
    unfinished = has_unfinished(output) or not output.exists()
    there = [path for path in dict.fromkeys(paths.values()) if path.exists()]
    for path in there:
        check_finished(path, digest(work.fingerprint))
    if unfinished:
        return False
    for path in there:
        found = check_result(path)
        for damage in found.damage[:1]:
            raise OutputError(
                f"{damage}; make it again with --overwrite, or give another name to keep it"
            )
        for note in found.notes:
            on_event(Noted(note))
    remove_leftovers(staging_folder(output))
    for path in paths.values():
        if not path.exists():
            on_event(Noted(f"{path} is gone; all results of {work.plan.info.uri} are made again"))
            return False
    return True


def _run(
    work: _Work, paths: dict[str, Path], request: Request, on_event: OnEvent, places: Places
) -> tuple[TileCounts, int]:
    """Compute what is not yet staged, and make the outputs.

    Returns:
        Tiles of this run and of those that it resumed, and pixels that it found finished.
    """
    plan, output = work.plan, paths["classes"]
    size, layers = (plan.info.height, plan.info.width), plan.decision.layers
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
        resumed = _begin(work, staging, on_event)
        strange = strange_values(work.job.reading.source, plan.spec)
        for note in filter(None, [*notes_of(plan), strange]):
            on_event(Noted(note))
        tiles = _compute(work, staging, on_event)
        work.inputs.check_unchanged(staging)
        for left in reversed(range(_ATTEMPTS)):
            try:
                facts = make_facts(plan, work.recipe(staging))
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
    return tiles, resumed


def _begin(work: _Work, staging: Staging, on_event: OnEvent) -> int:
    """Say what was found to be damaged and how many pixels are finished, and return that."""
    info = work.plan.info
    finished = finished_pixels(work.plan.panels, staging)
    on_event(RunStarted(info.uri, info.pixels, finished))
    while staging.findings:
        on_event(Noted(staging.findings.pop(0)))
    return finished


def _compute(work: _Work, staging: Staging, on_event: OnEvent) -> TileCounts:
    try:
        return run_regions(work.job, work.plan.panels, staging, on_event)
    except BaseException:
        # Nothing to go on with: leave nothing behind.
        if not staging.done:
            staging.discard()
        raise
