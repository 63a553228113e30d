"""Segments an image of any size into a class map."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tilesegm
from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.plan import CHUNK, Plan, make_plan
from tilesegm.engine.run import run_regions
from tilesegm.engine.stream import Job
from tilesegm.errors import ModelError, SourceError
from tilesegm.events import OnEvent, RunEnded, RunStarted, StageProgress, StageStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.options import Options
from tilesegm.sink.caption import Caption
from tilesegm.sink.check import check_output
from tilesegm.sink.staging import Staging, staging_folder
from tilesegm.source.area import Area, open_area
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.open import open_source
from tilesegm.source.options import DEFAULT_CACHE_BYTES

__all__ = ["Segmentation", "segment"]


@dataclass(frozen=True)
class Segmentation:
    """A finished segmentation."""

    output: Path
    """The class map."""
    extras: tuple[tuple[str, Path], ...]
    """Further rasters by name: ``confidence``, ``scores``."""
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
    began = time.monotonic()
    options = options or Options()
    output = Path(output)
    check_output(output, image if isinstance(image, str | os.PathLike) else None, overwrite)
    with open_image(image, options) as source:
        predictor = open_predictor(model, source.info, options)
        area = open_area(options.area, source.info) if options.area else None
        decision = make_decision(predictor.spec, options)
        plan = make_plan(
            source.info,
            predictor.spec,
            tiling=tiling or Tiling(),
            decision=decision,
            cache=DEFAULT_CACHE_BYTES,
            budget=options.memory,
        )
        job = Job(
            Reading(source, plan.grid, plan.memory.batch, predictor.spec.fill, area),
            predictor,
            decision,
            plan.layers,
        )
        with Staging.open(
            staging_folder(output),
            size=(plan.info.height, plan.info.width),
            layers=plan.layers,
            fingerprint=_fingerprint(plan, area),
            chunk=CHUNK,
            overwrite=overwrite,
        ) as staging:
            resumed = sum(
                region.window.pixels
                for panel in plan.panels
                for region in panel
                if region.number in staging.done
            )
            on_event(RunStarted(plan.info.uri, plan.info.pixels, resumed))
            tally = run_regions(job, plan.panels, staging, on_event)
            extras = _finish(staging, output, plan, options, on_event)
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

    predictor = open_model(
        model,
        normalisation=options.normalisation,
        precision=options.precision,
        augment=options.augment,
        bands=info.bands,
    )
    expected = predictor.spec.bands
    if expected is not None and expected != info.bands:
        raise ModelError(
            f"{predictor.spec.name} expects {expected} bands and {info.uri} has {info.bands}; "
            "choose bands that fit, e.g. --bands 1,2,3"
        )
    return predictor


def make_decision(spec: ModelSpec, options: Options) -> Decision:
    """Say what is made of the scores of a network."""
    return Decision(len(spec.classes), spec.probabilities, options.confidence, options.scores)


def _fingerprint(plan: Plan, area: Area | None) -> dict[str, Any]:
    tiling = plan.tiling
    return {
        "image": dict(plan.info.identity),
        "model": dict(plan.spec.identity),
        "tiling": {
            "tile": plan.grid.tile,
            "overlap": plan.grid.overlap,
            "margin": plan.grid.margin,
            "blend": tiling.blend,
            "batch": plan.memory.batch,
            "panel": plan.memory.panel,
        },
        "area": dict(area.identity) if area else {},
        "version": tilesegm.__version__,
    }


def _finish(
    staging: Staging, output: Path, plan: Plan, options: Options, on_event: OnEvent
) -> tuple[tuple[str, Path], ...]:
    from tilesegm.sink.geotiff import TiffOptions, finish_geotiff
    from tilesegm.sink.ome_zarr import finish_zarr

    on_event(StageStarted(f"writing {output.name}"))
    spec = plan.spec
    caption = Caption(
        plan.info.georeference,
        spec.classes,
        {
            "TILESEGM_VERSION": tilesegm.__version__,
            "TILESEGM_MODEL": spec.name,
            "TILESEGM_IMAGE": plan.info.uri,
            "TILESEGM_TILING": f"tile {plan.grid.tile}, overlap {plan.grid.overlap}, "
            f"margin {plan.grid.margin}, {plan.tiling.blend}",
        },
    )

    def report(fraction: float) -> None:
        on_event(StageProgress(fraction))

    if output.suffix.lower() == ".zarr":
        finish_zarr(staging, output, caption, report)
        return tuple((layer.name, output / layer.name) for layer in plan.layers[1:])
    paths = {
        layer.name: output
        if layer.name == "classes"
        else output.with_name(f"{output.stem}_{layer.name}{output.suffix}")
        for layer in plan.layers
    }
    finish_geotiff(staging, paths, caption, TiffOptions(compress=options.compress), report)
    return tuple((name, path) for name, path in paths.items() if name != "classes")
