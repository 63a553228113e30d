"""Measures what the parts of a run cost on this machine, and runs on one and two workers."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio

import tilesegm as ts
from benchmarks.scaling.cost import UnitCosts
from tilesegm.bench.case import geotiff, make_network, write_image
from tilesegm.cluster.cluster import Cluster
from tilesegm.cluster.pool import open_pool
from tilesegm.engine.plan import Plan
from tilesegm.events import ClusterJoined, Event, RunStarted, StageStarted
from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.layer import Layer
from tilesegm.sink.staging import Staging, staging_folder

__all__ = ["Lap", "measure_costs", "on_cores", "segment_timed"]

_TASKS = 1000


@dataclass
class Lap:
    """When the stages of a run began, in seconds since its start."""

    began: float = field(default_factory=time.monotonic)
    joined: float = 0.0
    computing: float = 0.0
    finishing: float = 0.0
    ended: float = 0.0
    plan: Plan | None = None

    def __call__(self, event: Event) -> None:
        """Note the time of an event."""
        now = time.monotonic() - self.began
        if isinstance(event, ClusterJoined):
            self.joined = now
        elif isinstance(event, RunStarted):
            self.computing = now
        elif isinstance(event, StageStarted):
            self.finishing = now


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let this process, and those that it starts, use so many cores."""
    before = os.sched_getaffinity(0)
    if len(before) < count:
        raise SystemExit(f"{count} cores are needed and this process may use {len(before)}")
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def segment_timed(image: Path, model: Path, suffix: str, cluster: Cluster | None) -> Lap:
    """Segment an image into a file that is removed, and return when its stages began."""
    lap = Lap()
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        output = Path(folder) / f"classes{suffix}"
        options = ts.Options(cluster=cluster)
        lap.plan = ts.segment(image, model, output, options=options, on_event=lap).plan
        lap.ended = time.monotonic() - lap.began
    return lap


def measure_costs(folder: Path, model: Path, rows: int, width: int, suffix: str) -> UnitCosts:
    """Measure the parts of a run, each on one core, from two heights of one image.

    Args:
        folder: where images and results lie for a while.
        model: the network.
        rows: height of the lower image; the other is twice as high.
        width: of both.
        suffix: of the finished file, ``.tif`` or ``.zarr``.
    """
    low, high = (make_image(folder / f"{n}.tif", n * rows, width) for n in (1, 2))
    with on_cores(1):
        laps = [segment_timed(image, model, suffix, None) for image in (low, low, high)][1:]
        start = segment_timed(low, model, suffix, Cluster(workers=1))
    tiles, pixels = ([_count(lap)[n] for lap in laps] for n in (0, 1))
    tile = _slope([lap.finishing - lap.computing for lap in laps], tiles)
    finish = _slope([lap.ended - lap.finishing for lap in laps], pixels)
    return UnitCosts(
        start=start.finishing - tiles[0] * tile,
        tile=tile,
        task=_task(),
        region=_region(folder),
        finish=finish,
    )


def make_image(path: Path, height: int, width: int) -> Path:
    """Write an image that compresses like a photo."""
    side = max(height, width)
    whole = path.with_name("whole.tif")
    write_image(whole, side)
    with rasterio.open(whole) as source:
        profile = geotiff(
            height, width, count=3, dtype="uint8", crs=source.crs, transform=source.transform
        )
        with rasterio.open(path, "w", **profile) as target:
            for window in Window(0, 0, height, width).tiles(1024, width):
                place = rasterio.windows.Window.from_slices(*window.slices)
                target.write(source.read(window=place), window=place)
    whole.unlink()
    return path


def save_network(path: Path, filters: int) -> Path:
    """Write the network of the benchmark."""
    make_network(filters).save(path)
    return path


def _count(lap: Lap) -> tuple[int, float]:
    assert lap.plan is not None
    return lap.plan.tiles, lap.plan.info.pixels / 1e6


def _slope(seconds: list[float], amounts: list[float]) -> float:
    return (seconds[1] - seconds[0]) / (amounts[1] - amounts[0])


def _nothing(values: list[int]) -> list[int]:
    return values


def _task() -> float:
    """Return the seconds of a task that does nothing."""
    with open_pool(Cluster(workers=1)) as pool:
        assert pool is not None
        values = list(range(100))
        pool.submit(_nothing, values).result()
        began = time.monotonic()
        for _ in range(_TASKS // 10):
            for future in [pool.submit(_nothing, values) for _ in range(10)]:
                future.result()
        return (time.monotonic() - began) / _TASKS


def _region(folder: Path) -> float:
    """Return the seconds of a line of the journal that is safe."""
    layer = Layer("classes", np.dtype("uint8"))
    with Staging.open(
        staging_folder(folder / "journal.tif"), size=(64, 64), layers=[layer], fingerprint={}
    ) as staging:
        began = time.monotonic()
        for number in range(_TASKS):
            staging.record([FinishedRegion(number, {}, Window(0, 0, 64, 64), "0" * 64)])
        seconds = (time.monotonic() - began) / _TASKS
        staging.discard()
    return seconds
