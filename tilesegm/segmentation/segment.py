"""Segments an image of any size into a class map."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from tilesegm.cluster.pool import open_pool
from tilesegm.cluster.run import run_on_workers
from tilesegm.engine.plan import CHUNK
from tilesegm.engine.run import TileCounts, finished_pixels, run_regions
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Listener, Noted, OnEvent, RunEnded, RunStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.segmentation.in_memory import check_without_output, segment_in_memory
from tilesegm.segmentation.machine import check_workers
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.order import RunOrder, check_travels
from tilesegm.segmentation.outputs import (
    Places,
    check_format,
    check_inputs,
    check_outputs,
    extra_paths,
    finish_outputs,
    make_facts,
    named_inputs,
    output_paths,
    reads_of,
)
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segmented_image import SegmentedImage
from tilesegm.segmentation.setup import open_predictor
from tilesegm.segmentation.store_target import StoreTarget
from tilesegm.segmentation.update import EarlierMap, find_earlier, inputs_text
from tilesegm.segmentation.work import Request, Work, open_work, tell_counts, tell_notes
from tilesegm.sink.check import check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.provenance import check_finished, digest, read_map_facts
from tilesegm.sink.result_check import check_result
from tilesegm.sink.staged_array import StagedDamageError
from tilesegm.sink.staging import Staging, has_unfinished, staging_folder
from tilesegm.sink.staging_folder import remove_leftovers
from tilesegm.source.base import ImageInfo

__all__ = ["run_request", "segment"]

_ATTEMPTS = 3
"""Times that results are computed again which do not read back as they were written."""


@overload
def segment(
    image: Any,
    model: Any,
    output: str | Path,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Segmentation: ...


@overload
def segment(
    image: Any,
    model: Any,
    output: None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> SegmentedImage: ...


def segment(
    image: Any,
    model: Any,
    output: str | Path | None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Segmentation | SegmentedImage:
    """Segment an image of any size into a class map, in bounded memory.

    An interrupted run keeps its finished regions beside the output; the same call resumes it.

    Args:
        image: path, URL, list of paths, or array; see `open_source`.
        model: bundle folder, ``.keras`` file, SavedModel folder, Keras model, or any callable
            ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``; or a list of several, whose
            probabilities are averaged.
        output: ``.tif`` for a Cloud Optimized GeoTIFF, ``.zarr`` for OME-Zarr, ``.png`` for
            photos; ``s3://BUCKET/NAME.tif`` or ``.zarr`` for an object store; None for arrays in
            memory, which are refused where they do not fit.
        tiling: size, overlap and blending of tiles.
        options: everything else.
        overwrite: replace a finished output of tilesegm, and discard unfinished work, unless an
            equal call with it began that.
        on_event: called with the events of `tilesegm.events` as work proceeds.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        OutputError: the output cannot be written.
        BudgetError: the run needs more memory than allowed, or arrays do not fit.
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

        Without an output the class map is an array:

        >>> result = ts.segment(image, lambda pixels: pixels, tiling=tiling)
        >>> result
        SegmentedImage(300 x 400 px: class 0 62 %, class 2 38 %, class 1 0 %; 1 note)
        >>> result.classes[0, 248:252]
        array([0, 0, 2, 2], dtype=uint8)
    """
    request = Request.of(model, tiling, options, overwrite)
    if output is None:
        check_without_output(request)
        return segment_in_memory(
            image, lambda info: open_predictor(model, info, request.options), request, on_event
        )
    target = StoreTarget.of(output, request.options.staging)
    read = reads_of(image, model, request.options)
    if target is not None:
        target.check_unread(named_inputs(read))
    local = Path(output) if target is None else target.local
    check_inputs(output_paths(local, request.options).values(), read)
    with open_pool(request.options.cluster, on_event) as pool:
        return run_request(
            image,
            lambda info: open_predictor(model, info, request.options),
            output,
            replace(request, pool=pool),
            on_event,
        )


def run_request(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    output: str | Path,
    request: Request,
    on_event: OnEvent,
) -> Segmentation:
    """Segment one image with the network that ``opener`` gives for it; see `segment`."""
    target = StoreTarget.of(output, request.options.staging)
    with nullcontext() if target is None else target.workplace():
        return _segment(image, opener, target or Path(output), request, on_event)


def _segment(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    place: Path | StoreTarget,
    request: Request,
    on_event: OnEvent,
) -> Segmentation:
    began = time.monotonic()
    on_event = listener = Listener(on_event)
    if request.pool is not None:
        check_travels(image, request.options.area)
    target = place if isinstance(place, StoreTarget) else None
    if target is not None and request.options.update:
        raise SettingsError(
            f"update reads an earlier map on this machine, and {target.uri} lies in a store; "
            "leave update out"
        )
    paths = output_paths(place.local if isinstance(place, StoreTarget) else place, request.options)
    check_outputs(paths.values())
    before = target.fingerprints(paths) if target else {}
    with open_work(image, opener, request, on_event) as work:
        info = work.plan.info
        check_format(paths.values(), work.plan)
        places = Places.of(paths.values())
        earlier = find_earlier(paths, work, on_event) if request.options.update else None
        mine = digest(work.fingerprint)
        sent = target is not None and not request.overwrite and target.holds(before, mine, on_event)
        finished = sent or (earlier is None and _is_made(paths, work, target is not None, on_event))
        kept: int | None = None
        if finished:
            tiles, resumed = TileCounts(computed=0, skipped=0), info.pixels
        else:
            if target:
                target.check_taken()
            tiles, resumed, kept = _run(work, paths, request, on_event, places, earlier)
        if target and not sent:
            if finished:
                on_event(Noted(f"{target.uri}: was finished before, and is sent now"))
            target.send(paths, before, mine, on_event)
    tell_counts(work, tiles, on_event)
    seconds = time.monotonic() - began
    if not finished:
        on_event(RunEnded(info.uri, seconds))
    stay = target.addresses(paths) if target else paths
    return Segmentation(
        output=stay["classes"],
        extras=extra_paths(stay),
        plan=work.plan,
        tiles=tiles.computed,
        skipped=tiles.skipped,
        infinite=tiles.infinite,
        empty=tiles.empty,
        resumed=resumed,
        kept=kept,
        seconds=seconds,
        notes=listener.notes,
    )


def _is_finished(paths: dict[str, Path], work: Work, on_event: OnEvent) -> bool:
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
                f"{damage}; remove {path} and give the same command again, or --overwrite, which "
                "makes all maps of a batch again, or another name to keep it"
            )
        for note in found.notes:
            on_event(Noted(note))
    remove_leftovers(staging_folder(output))
    for path in paths.values():
        if not path.exists():
            on_event(Noted(f"{path} is gone; all results of {work.plan.info.uri} are made again"))
            return False
    return True


def _is_made(paths: dict[str, Path], work: Work, unsent: bool, on_event: OnEvent) -> bool:
    """Tell whether the outputs lie on disk and are not to be made again.

    Args:
        paths: of the outputs.
        work: that makes them.
        unsent: whether what lies there is only on its way, so that ``overwrite`` is not about it.
        on_event: called with notes.
    """
    if not work.request.overwrite:
        return _is_finished(paths, work, on_event)
    mine = digest(work.fingerprint)
    return unsent and all(
        path.exists() and read_map_facts(path).fingerprint == mine and not check_result(path).damage
        for path in paths.values()
    )


def _run(
    work: Work,
    paths: dict[str, Path],
    request: Request,
    on_event: OnEvent,
    places: Places,
    earlier: EarlierMap | None,
) -> tuple[TileCounts, int, int | None]:
    """Compute what is neither staged nor in an earlier map, and make the outputs.

    Returns:
        Tiles of this run and of those that it resumed, pixels that it found finished, and regions
        that the earlier map holds.
    """
    plan, output = work.plan, paths["classes"]
    size, layers = (plan.info.height, plan.info.width), plan.decision.layers
    if work.request.pool is not None:
        check_workers(plan, work.request.pool, request.options.memory)
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
