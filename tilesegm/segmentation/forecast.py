"""Says what a segmentation will cost before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.counted import counted
from tilesegm.engine.batches import Reading, read_tiles
from tilesegm.engine.needed import NeededTiles, find_needed
from tilesegm.engine.plan import CHUNK, Plan
from tilesegm.engine.seam_check import check_seams, expected_flips
from tilesegm.engine.sharing import Sharing, share
from tilesegm.events import Listener, ignore
from tilesegm.grid.resolution import Resolution
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.segmentation.decision import decision_tag
from tilesegm.segmentation.narrowing import open_narrowing
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.result_grid import image_grid, resolution_tag
from tilesegm.segmentation.setup import (
    notes_of,
    open_predictor,
    open_scaled,
    plan_for,
    read_specs,
)
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.source.base import ImageInfo
from tilesegm.source.scaled import resolution_of

__all__ = ["Forecast", "plan"]

_SAMPLES = 4
"""Places where seams are checked: few, since each takes about five calls of the network."""


@dataclass(frozen=True)
class _Described:
    """A network that is not opened."""

    spec: ModelSpec


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The tiles of a segmentation, and its cost in memory, disk space and time."""

    plan: Plan
    needed: NeededTiles
    """The tiles that hold a pixel to classify."""
    staging_bytes: int
    """Most bytes of unfinished results."""
    output_bytes: int
    """Most bytes of finished files; class maps usually take a tenth."""
    seconds: float | None = None
    """Expected time of the network, from one timed batch; None when it was not opened."""
    sharing: Sharing | None = None
    """How workers share the regions; None for one process."""
    flips: float | None = None
    """Expected fraction of pixels whose class seams change; None when it was not measured."""
    notes: tuple[str, ...] = ()
    """What is assumed of the image and of the resolution that it is read at, in a line each."""

    @property
    def tiles(self) -> int:
        """Tiles that are computed, with those that workers compute twice."""
        return self.needed.tiles if self.sharing is None else self.sharing.tiles

    @property
    def skipped(self) -> int:
        """Tiles that hold no pixel to classify."""
        if self.sharing is None:
            return self.plan.tiles - self.needed.tiles
        return self.sharing.skipped

    @property
    def empty_regions(self) -> int:
        """Regions without a tile that is computed."""
        regions = [(region,) for panel in self.plan.panels for region in panel]
        return self.needed.of_runs(self.plan, regions).count(0)

    def __repr__(self) -> str:
        info, classes = self.plan.info, len(self.plan.spec.classes)
        seconds = "" if self.seconds is None else f", {self.seconds:.0f} s"
        flips = "" if self.flips is None else f", {100 * self.flips:.2g} % flips"
        return (
            f"Forecast({Path(info.uri).name}, {info.height} x {info.width} px, "
            f"{counted(classes, 'class', 'classes')}, "
            f"{counted(self.tiles, 'tile')}, "
            f"{self.plan.memory.peak / 1e6:.0f} MB{seconds}{flips})"
        )

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        plan, memory = self.plan, self.plan.memory
        return {
            "image": plan.info.uri,
            "height": plan.info.height,
            "width": plan.info.width,
            "tile": list(plan.grid.tile),
            "overlap": plan.grid.overlap,
            "margin": plan.grid.margin,
            "blend": plan.tiling.blend,
            "tiles": self.tiles,
            "skipped": self.skipped,
            "tiles_assume": self.needed.assumed or None,
            "batch": memory.batch,
            "panels": len(plan.panels),
            "regions": sum(len(panel) for panel in plan.panels),
            "empty_regions": self.empty_regions,
            "redundancy": round(plan.redundancy, 3),
            "read_amplification": round(plan.read_amplification, 3),
            "peak_memory_bytes": memory.peak,
            "memory_bytes": {
                "process": memory.process,
                "network and tiles": memory.batches,
                "rows": memory.stream,
                "block cache": memory.cache,
            },
            "staging_bytes_at_most": self.staging_bytes,
            "output_bytes_at_most": self.output_bytes,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "exact": plan.exact,
            "inexact": list(plan.spec.inexact),
            "receptive_field_radius": plan.spec.radius,
            "exact_overlap": None if plan.spec.inexact else plan.exact_overlap,
            "stride": plan.spec.stride,
            "expected_class_flips": self.flips,
            "decision": decision_tag(plan) or "argmax",
            "workers": None if self.sharing is None else _plain(self.sharing),
            "resolution": resolution_tag(plan) or _text(resolution_of(plan.info)),
            "notes": [*self.notes, *notes_of(plan)],
        }


def plan(
    image: Any,
    model: Any,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    probe: bool = True,
) -> Forecast:
    """Plan a segmentation without writing anything.

    Args:
        image: an image as in `open_source`.
        model: a model as in `segment`, or a list of them.
        tiling: size, overlap and blending of tiles.
        options: everything else.
        probe: time a batch, and compare tiles across a few seams. Without it a bundle is planned
            from its own description, and neither Keras nor TensorFlow is imported.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        BudgetError: the run needs more memory than allowed.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> image = np.zeros((300, 400, 3), np.uint8)
        >>> tiling = ts.Tiling(tile=128, overlap=32)
        >>> forecast = ts.plan(image, lambda pixels: pixels, tiling=tiling)
        >>> forecast
        Forecast(<numpy array>, 300 x 400 px, 3 classes, 12 tiles, ... MB, 0 s, 0 % flips)
        >>> round(forecast.plan.redundancy, 2)
        1.64
    """
    options = options or Options()
    spec = None if probe else read_specs(model, options)

    def opener(info: ImageInfo) -> Predictor | _Described:
        return _Described(spec) if spec else open_predictor(model, info, options)

    listener = Listener(ignore)
    with open_scaled(image, options, opener, listener) as (source, network):
        narrowed = open_narrowing(image, source, options, listener)
        whole = image_grid(source, options)
        made = plan_for(source.info, network.spec, tiling or Tiling(), options, whole)
        planned = made.reading(source, narrowed.area, narrowed.background)
        needed = find_needed(made, planned)
        seconds = flips = None
        if probe and not isinstance(network, _Described):
            reading = made.reading(source)
            slots = sum(planned.slots_for(count) for panel in needed.rows for count in panel)
            seconds = _seconds(reading, network) * slots / reading.batch
            flips = 0.0 if made.exact else _flips(reading, network, made)
    size = (made.info.height, made.info.width)
    disk = estimate_bytes(size, made.decision.layers, CHUNK)
    uri = made.info.uri
    return Forecast(
        plan=made,
        needed=needed,
        notes=tuple(note.removeprefix(f"{uri}: ") for note in listener.notes),
        staging_bytes=disk.staging,
        output_bytes=disk.output,
        seconds=seconds,
        flips=flips,
        sharing=share(made, cluster.workers, needed)
        if (cluster := options.cluster) and cluster.workers
        else None,
    )


def _plain(sharing: Sharing) -> dict[str, Any]:
    return {
        "workers": sharing.workers,
        "regions_per_run": sharing.regions,
        "runs": sharing.runs,
        "redundancy": round(sharing.redundancy, 3),
        "busy": round(sharing.busy, 3),
        "speedup": round(sharing.speedup, 2),
    }


def _text(resolution: Resolution | None) -> str | None:
    return None if resolution is None else str(resolution)


def _seconds(reading: Reading, predictor: Predictor) -> float:
    """Time a batch."""
    batch = read_tiles(reading, 0, 0)
    predictor(batch)  # the first call compiles
    began = time.perf_counter()
    predictor(batch)
    return time.perf_counter() - began


def _flips(reading: Reading, predictor: Predictor, made: Plan) -> float:
    checks = check_seams(reading, predictor, _SAMPLES, decision=made.decision)
    return expected_flips(checks, reading.grid)
