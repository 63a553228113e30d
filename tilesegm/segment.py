"""Segments an image of any size into a class map."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.engine.batches import Reading, read_tiles
from tilesegm.engine.decide import Decision
from tilesegm.engine.fingerprint import make_fingerprint
from tilesegm.engine.plan import CHUNK, Plan, make_plan
from tilesegm.engine.run import run_regions
from tilesegm.engine.stream import Job
from tilesegm.errors import ModelError, SourceError
from tilesegm.events import OnEvent, RunEnded, RunStarted, StageProgress, StageStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.options import Options
from tilesegm.sink.caption import Caption
from tilesegm.sink.check import check_output, check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.finished import FINGERPRINT_TAG, check_finished, digest
from tilesegm.sink.geotiff import TiffOptions, finish_geotiff
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.staging import Staging, staging_folder
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.open import open_source
from tilesegm.source.options import DEFAULT_CACHE_BYTES
from tilesegm.version import __version__

__all__ = [
    "Request",
    "Segmentation",
    "check_bands",
    "make_decision",
    "open_image",
    "open_predictor",
    "output_paths",
    "run_request",
    "segment",
]


@dataclass(frozen=True)
class Segmentation:
    """A finished segmentation."""

    output: Path
    """The class map."""
    extras: tuple[tuple[str, Path], ...]
    """Further files by name: ``confidence``, ``scores``; a Zarr output holds them itself."""
    plan: Plan
    tiles: int
    """Tiles computed, by this run and those that it resumed."""
    skipped: int
    """Tiles that held no pixel of interest and were not computed."""
    resumed: int
    """Pixels that an earlier run had finished."""
    seconds: float
    """Wall time of this run, from opening the image to the outputs in place."""

    @property
    def megapixels_per_second(self) -> float:
        """Pixels of the image that this run finished, in millions a second."""
        return (self.plan.info.pixels - self.resumed) / 1e6 / self.seconds

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        plan = self.plan
        return {
            "image": plan.info.uri,
            "output": str(self.output),
            "extras": {name: str(path) for name, path in self.extras},
            "height": plan.info.height,
            "width": plan.info.width,
            "classes": len(plan.spec.classes),
            "tiles": self.tiles,
            "skipped": self.skipped,
            "redundancy": round(plan.redundancy, 3),
            "read_amplification": round(plan.read_amplification, 3),
            "exact": plan.exact,
            "inexact": list(plan.spec.inexact),
            "resumed_pixels": self.resumed,
            "seconds": round(self.seconds, 3),
            "megapixels_per_second": round(self.megapixels_per_second, 3),
        }


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
    parts = image if isinstance(image, list | tuple) else [image]
    inputs = [os.fspath(part) for part in parts if isinstance(part, str | os.PathLike)]
    for path in paths.values():
        for name in inputs or [None]:
            check_output(path, name)
    with open_image(image, options) as source:
        predictor = opener(source.info)
        check_bands(predictor.spec, source.info)
        area = open_area(options.area, source.info) if options.area else None
        decision = make_decision(predictor.spec, options)
        plan = make_plan(
            source.info,
            predictor.spec,
            tiling=request.tiling,
            decision=decision,
            cache=DEFAULT_CACHE_BYTES,
            budget=options.memory,
        )
        fingerprint = make_fingerprint(plan, area)
        extras = tuple((name, path) for name, path in paths.items() if path != output)
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
            Reading(source, plan.grid, plan.memory.batch, predictor.spec.fill, area),
            predictor,
            decision,
            plan.layers,
        )
        if options.precision == "auto":
            # The first call decides on the precision. Let it be the same tile in a resumed run.
            predictor(read_tiles(job.reading, *_middle(plan)))
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
            tally = run_regions(job, plan.panels, staging, on_event)
            caption = _caption(plan, digest(fingerprint))
            _finish(staging, paths, caption, options, on_event)
            staging.discard()
    seconds = time.monotonic() - began
    on_event(RunEnded(plan.info.uri, seconds))
    return Segmentation(output, extras, plan, tally.computed, tally.skipped, resumed, seconds)


def open_image(image: Any, options: Options) -> Source:
    """Open an image as the options say, and refuse one without pixels."""
    source = open_source(image, bands=options.bands, nodata=options.nodata, level=options.level)
    if not source.info.pixels:
        source.close()
        raise SourceError(f"{source.info.uri} has no pixels")
    return source


def open_predictor(model: Any, info: ImageInfo, options: Options) -> Predictor:
    """Open a model as the options say, and check that it takes the bands of the image."""
    from tilesegm.model.open import open_model

    return open_model(
        model,
        normalisation=options.normalisation,
        precision=options.precision,
        augment=options.augment,
        bands=info.bands,
    )


def check_bands(spec: ModelSpec, info: ImageInfo) -> None:
    """Refuse a network that expects other bands than an image has."""
    if spec.bands is not None and spec.bands != info.bands:
        raise ModelError(
            f"{spec.name} expects {spec.bands} bands and {info.uri} has {info.bands}; "
            "choose bands that fit, e.g. --bands 1,2,3"
        )


def _middle(plan: Plan) -> tuple[int, int]:
    """First row and column of the tile in the middle of the grid."""
    rows, cols = plan.grid.rows.spans, plan.grid.cols.spans
    return rows[len(rows) // 2].start, cols[len(cols) // 2].start


def make_decision(spec: ModelSpec, options: Options) -> Decision:
    """Say what is made of the scores of a network."""
    return Decision(len(spec.classes), spec.probabilities, options.confidence, options.scores)


def _caption(plan: Plan, fingerprint: str) -> Caption:
    grid, spec = plan.grid, plan.spec
    tags = {
        "TILESEGM_VERSION": __version__,
        "TILESEGM_MODEL": spec.name,
        "TILESEGM_IMAGE": plan.info.uri,
        "TILESEGM_TILING": f"tile {grid.tile[0]} x {grid.tile[1]}, overlap {grid.overlap}, "
        f"margin {grid.margin}, blend {plan.tiling.blend}",
        "TILESEGM_EXACT": "yes" if plan.exact else "no",
        FINGERPRINT_TAG: fingerprint,
    }
    return Caption(plan.info.georeference, spec.classes, tags)


def output_paths(output: Path, options: Options) -> dict[str, Path]:
    """Name the file of each result; a Zarr output holds all of them."""
    names = ["classes"]
    names += ["confidence"] if options.confidence else []
    names += ["scores"] if options.scores else []
    if output.suffix.lower() == ".zarr":
        return dict.fromkeys(names, output)
    paths = {name: output.with_name(f"{output.stem}_{name}{output.suffix}") for name in names}
    return paths | {"classes": output}


def _finish(
    staging: Staging,
    paths: dict[str, Path],
    caption: Caption,
    options: Options,
    on_event: OnEvent,
) -> None:
    output = paths["classes"]
    on_event(StageStarted(f"writing {output.name}"))

    def report(fraction: float) -> None:
        on_event(StageProgress(fraction))

    if output.suffix.lower() == ".zarr":
        finish_zarr(staging, output, caption, report)
    else:
        finish_geotiff(staging, paths, caption, TiffOptions(compress=options.compress), report)
