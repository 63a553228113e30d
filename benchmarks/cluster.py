"""Workers of Dask against one process, and what they cost where there is nothing to compute.

    python benchmarks/cluster.py speed [--workers 2] [--side 8192] [--filters 8] [--repeats 2]
    python benchmarks/cluster.py regions [--workers 2] [--count 50000]

``speed`` segments a synthetic image of ``side`` pixels by a U-Net of depth 4, in this process and
on workers that share its cores, by turns. Workers are started, and both sides have opened and
compiled the network, before the clock starts; how long the start took is printed. The clock stops
with the last region. The maps are compared.

``regions`` gives workers regions of 16 x 16 pixels and a function that does nothing: what is left
is the cost of a region, and the memory of the client. Staging, journal and digests are real.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from tilesegm.bench.case import make_network
from tilesegm.cluster.cluster import Cluster
from tilesegm.cluster.pool import open_pool
from tilesegm.cluster.run import run_on_workers
from tilesegm.engine.plan import Plan
from tilesegm.engine.regions import plan_regions
from tilesegm.engine.stream import Job
from tilesegm.events import PixelsDone, RunStarted
from tilesegm.grid.tiling import Tiling
from tilesegm.model.open import open_model
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.segment import segment
from tilesegm.segmentation.setup import plan_for
from tilesegm.sink.staging import Staging
from tilesegm.source.base import ImageInfo
from tilesegm.source.open import open_source
from tilesegm.tensorflow_log import silence_tensorflow

CHUNK = 16
EACH = 2000
"""Regions between two looks at the memory."""


def speed(args: argparse.Namespace, folder: Path) -> None:
    """Compare one process with workers."""
    image, warm, model = (folder / name for name in ("image.tif", "warm.tif", "model.keras"))
    write_image(image, args.side, args.side)
    write_image(warm, 1100, args.side)  # as wide, so that batches are compiled that are used
    make_network(filters=args.filters).save(model)
    tiling = Tiling(tile=512, overlap=64)
    pixels = args.side**2
    rates: dict[str, list[float]] = {"one process": [], "workers": []}
    began = time.perf_counter()
    from distributed import Client

    from tilesegm.cluster.local import start_workers

    with start_workers(args.workers) as workers, Client(workers) as client:
        cluster = Cluster(client=client)
        segment(
            warm, model, folder / "warm_map.tif", tiling=tiling, options=Options(cluster=cluster)
        )
        print(f"start of {args.workers} workers: {time.perf_counter() - began:.1f} s")
        opened = open_model(model)
        segment(warm, opened, folder / "warm_map1.tif", tiling=tiling)
        for turn in range(args.repeats):
            for name, given, chosen in (
                ("one process", opened, None),
                ("workers", model, cluster),
            ):
                timer = Timer()
                output = folder / f"{name} {turn}.tif"
                segment(
                    image,
                    given,
                    output,
                    tiling=tiling,
                    options=Options(cluster=chosen),
                    on_event=timer,
                )
                rates[name].append(pixels / timer.seconds / 1e6)
                print(f"{name}: {rates[name][-1]:.2f} MP/s computing", flush=True)
    best = {name: max(values) for name, values in rates.items()}
    first, second = (read(folder / f"{name} 0.tif") for name in rates)
    print(f"ratio: {best['workers'] / best['one process']:.2f}")
    print(f"pixels that differ: {np.count_nonzero(first != second)}")


class Timer:
    """Seconds from the beginning of a run to its last region."""

    began = seconds = 0.0

    def __call__(self, event: Any) -> None:
        """Hear an event."""
        if isinstance(event, RunStarted):
            self.began = time.perf_counter()
        if isinstance(event, PixelsDone):
            self.seconds = time.perf_counter() - self.began


@dataclass(frozen=True)
class EmptyOrder:
    """Opens an image of zeros with a function that does nothing."""

    path: str
    key: str = "empty"
    folder: str = "/"

    @contextmanager
    def open(self) -> Iterator[Job]:
        """Open both."""
        with open_source(self.path) as source:
            plan = tiny_plan(source.info)
            predictor = open_model(nothing, bands=source.info.bands)
            yield Job(plan.reading(source), predictor, plan.decision)


def tiny_plan(info: ImageInfo) -> Plan:
    """Plan regions of 16 x 16 pixels."""
    spec = open_model(nothing, bands=info.bands).spec
    plan = plan_for(info, spec, Tiling(tile=CHUNK, overlap=0), Options())
    return replace(plan, panels=plan_regions(info.height, info.width, CHUNK, CHUNK))


def nothing(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return two bands as scores."""
    return pixels


def regions(args: argparse.Namespace, folder: Path) -> None:
    """Measure the cost of a region of nothing."""
    path = folder / "zeros.tif"
    across = round(args.count**0.5)
    down = -(-args.count // across)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=across * CHUNK,
        height=down * CHUNK,
        count=2,
        dtype="uint8",
        tiled=True,
        blockxsize=256,
        blockysize=256,
        sparse_ok=True,
    ):
        pass
    with open_source(str(path)) as source:
        plan = tiny_plan(source.info)
    seen: list[int] = []

    def look(event: Any) -> None:
        seen.append(resident())
        if len(seen) % EACH == 0:
            each = (time.perf_counter() - began) / len(seen)
            print(f"{len(seen)} regions, {1e3 * each:.2f} ms each, {seen[-1] >> 20} MB", flush=True)

    with (
        open_pool(Cluster(workers=args.workers)) as pool,
        Staging.open(
            folder / "map.partial",
            size=(plan.info.height, plan.info.width),
            layers=plan.decision.layers,
            fingerprint={},
            chunk=CHUNK,
        ) as staging,
    ):
        assert pool is not None
        pool.join()
        before, began = resident(), time.perf_counter()
        run_on_workers(pool, EmptyOrder(str(path)), plan, staging, look)
        seconds = time.perf_counter() - began
    count = sum(map(len, plan.panels))
    busy = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{count} regions in {seconds:.0f} s: {1e3 * seconds / count:.2f} ms each")
    used = 1e3 * (busy.ru_utime + busy.ru_stime) / count
    print(f"processor time of client and scheduler: {used:.2f} ms each")
    print(
        f"memory of the client: {before >> 20} MB before, {seen[EACH - 1] >> 20} MB after {EACH}, "
        f"{max(seen) >> 20} MB at most"
    )


def resident() -> int:
    """Return bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def write_image(path: Path, rows: int, side: int) -> None:
    """Write a noisy RGB image, block by block."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 255, (3, 1024, 1024), np.uint8)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=rows,
        count=3,
        dtype="uint8",
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        crs="EPSG:32633",
        transform=rasterio.Affine(1, 0, 5e5, 0, -1, 5e6),
    ) as target:
        for row in range(0, rows, 1024):
            for col in range(0, side, 1024):
                height, width = min(1024, rows - row), min(1024, side - col)
                turned = np.roll(block, (row // 1024 * 37, col // 1024 * 11), (1, 2))
                window = rasterio.windows.Window(col, row, width, height)
                target.write(turned[:, :height, :width], window=window)


def read(path: Path) -> NDArray[Any]:
    """Read a map."""
    with rasterio.open(path) as dataset:
        values: NDArray[Any] = dataset.read(1)
        return values


def main() -> None:
    """Run a benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["speed", "regions"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--count", type=int, default=50_000)
    args = parser.parse_args()
    silence_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        {"speed": speed, "regions": regions}[args.what](args, Path(folder))


if __name__ == "__main__":
    main()
