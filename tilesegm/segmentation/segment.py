"""Segments an image of any size into a class map."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.engine.batches import Reading, read_tiles
from tilesegm.engine.fingerprint import make_fingerprint
from tilesegm.engine.plan import CHUNK, Plan
from tilesegm.engine.run import run_regions
from tilesegm.engine.stream import Job
from tilesegm.events import OnEvent, RunEnded, RunStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import check_outputs, finish_outputs, make_facts, output_paths
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.setup import make_decision, open_image, open_predictor, plan_for
from tilesegm.sink.check import check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.provenance import check_finished, digest
from tilesegm.sink.staging import Staging, staging_folder
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo

__all__ = ["Request", "run_request", "segment"]


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

    Interrupted work is kept beside the output and goes on when the same call is made again.

    Args:
        image: what `open_source` takes: path, URL, list of paths, or array.
        model: bundle folder, ``.keras`` file, SavedModel folder, Keras model, or any callable
            ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``.
        output: ``.tif`` for a Cloud Optimized GeoTIFF, ``.zarr`` for OME-Zarr.
        tiling: size, overlap and blending of tiles.
        options: everything else.
        overwrite: replace a finished output, and drop unfinished work that differs.
        on_event: called with progress.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        OutputError: the output cannot be written.
        BudgetError: the work needs more memory than allowed.
        ResumeError: unfinished work beside the output differs, or another run is at it.
    """
    request = Request(tiling or Tiling(), options or Options(), overwrite)
    return run_request(
        image, lambda info: open_predictor(model, info, request.options), output, request, on_event
    )


@dataclass(frozen=True)
class Request:
    """What is asked of one image or of many."""

    tiling: Tiling
    options: Options
    overwrite: bool


def run_request(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    output: str | Path,
    request: Request,
    on_event: OnEvent,
) -> Segmentation:
    """Segment one image with the network that ``opener`` gives for it; see `segment`."""
    began = time.monotonic()
    options, output = request.options, Path(output)
    paths = output_paths(output, options)
    check_outputs(paths.values(), image)
    with open_image(image, options) as source:
        area = open_area(options.area, source.info) if options.area else None
        predictor = opener(source.info)
        plan = plan_for(source.info, predictor.spec, request.tiling, options)
        reading = Reading(source, plan.grid, plan.memory.batch, predictor.spec.fill, area)
        if options.precision == "auto":
            # The first call decides on the precision. Let it be the same tile in a resumed run,
            # and the first image in a resumed batch.
            predictor(read_tiles(reading, *_middle(plan)))
        fingerprint = make_fingerprint(plan, area)
        extras = tuple(
            (name, path / name if path == output else path)
            for name, path in paths.items()
            if name != "classes"
        )
        staged = staging_folder(output)
        if not request.overwrite and not staged.exists() and output.exists():
            for path in paths.values():
                check_finished(path, digest(fingerprint))
            seconds = time.monotonic() - began
            return Segmentation(output, extras, plan, 0, 0, plan.info.pixels, seconds)
        # Class maps usually shrink to a tenth; a disk that fills up later is reported then.
        size = (plan.info.height, plan.info.width)
        check_space(output, estimate_bytes(size, plan.layers, CHUNK).total // 10)
        job = Job(
            reading,
            predictor,
            make_decision(predictor.spec, options),
            plan.layers,
        )
        with Staging.open(
            staged,
            size=size,
            layers=plan.layers,
            fingerprint=fingerprint,
            chunk=CHUNK,
            overwrite=request.overwrite,
        ) as staging:
            resumed = sum(
                region.window.pixels
                for panel in plan.panels
                for region in panel
                if region.number in staging.done
            )
            on_event(RunStarted(plan.info.uri, plan.info.pixels, resumed))
            try:
                tally = run_regions(job, plan.panels, staging, on_event)
            except BaseException:
                # Nothing to go on with: leave nothing behind.
                if not staging.done:
                    staging.discard()
                raise
            facts = make_facts(plan, digest(fingerprint))
            finish_outputs(staging, paths, facts, options, on_event)
            staging.discard()
    seconds = time.monotonic() - began
    on_event(RunEnded(plan.info.uri, seconds))
    return Segmentation(output, extras, plan, tally.computed, tally.skipped, resumed, seconds)


def _middle(plan: Plan) -> tuple[int, int]:
    """First row and column of the tile in the middle of the grid."""
    rows, cols = plan.grid.rows.spans, plan.grid.cols.spans
    return rows[len(rows) // 2].start, cols[len(cols) // 2].start
