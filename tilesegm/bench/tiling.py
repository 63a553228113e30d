"""Throughput of the engine from file to file, beside the bare loops that bound it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio.windows import Window as RasterWindow

from tilesegm.bench.case import TilingCase, geotiff, make_network, write_image
from tilesegm.engine.batches import read_tiles
from tilesegm.engine.plan import Plan, footprint
from tilesegm.grid.tiles import plan_grid
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor
from tilesegm.model.open import open_model
from tilesegm.ownership import check_place
from tilesegm.segmentation.outputs import check_outputs
from tilesegm.segmentation.segment import segment
from tilesegm.source.open import open_source

__all__ = ["Timing", "bench_tiling"]


@dataclass(frozen=True)
class Timing:
    """One row of the table."""

    name: str
    seconds: float
    megapixels: float
    """Pixels of the image, in millions; tiles compute more of them."""

    @property
    def rate(self) -> float:
        """Megapixels of the image per second."""
        return self.megapixels / self.seconds


def bench_tiling(case: TilingCase, folder: Path | None = None) -> Iterator[Timing]:
    """Yield timings of the engine, then of reading, network and writing alone.

    The bare loops do in one thread each what the engine does beside each other: reading the image
    once by rows of blocks, computing the engine's tiles from memory, and writing the class map as
    plain tiled GeoTIFF.

    Args:
        case: what to measure.
        folder: where files go, and where the image is found again; a temporary one when absent.

    Raises:
        OutputError: the folder holds files of other makers under the names of these.
    """
    with ExitStack() as stack:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="tilesegm-bench-")
            place = Path(stack.enter_context(temporary))
        else:
            place = folder
            place.mkdir(parents=True, exist_ok=True)
        image = place / f"image_{case.size}.tif"
        check_place(image)
        check_outputs([place / "classes.tif"])
        if not image.exists():
            write_image(image, case.size)
        predictor = open_model(make_network(case.filters))
        with open_source(image) as source:
            # Compiling belongs to no megapixel.
            tile = plan_grid(case.size, case.size, case.tiling, footprint(predictor.spec)).tile
            predictor(source.read(Window(0, 0, *tile)).values[None])
        output = place / "classes.tif"
        began = time.perf_counter()
        result = segment(image, predictor, output, tiling=case.tiling, overwrite=True)
        yield Timing("engine, file to file", time.perf_counter() - began, case.megapixels)
        yield Timing("reading alone", _reading(image), case.megapixels)
        network = _network(image, predictor, result.plan)
        yield Timing("network alone, same tiles", network, case.megapixels)
        aside = tempfile.TemporaryDirectory(prefix="tilesegm-bench-", dir=place)
        copy = Path(stack.enter_context(aside)) / "copy.tif"
        yield Timing("writing alone", _writing(output, copy), case.megapixels)


def _reading(path: Path) -> float:
    with open_source(path) as source:
        info = source.info
        began = time.perf_counter()
        for strip in info.window.tiles(info.block[0], info.width):
            source.read(strip)
        return time.perf_counter() - began


def _network(path: Path, predictor: Predictor, plan: Plan) -> float:
    with open_source(path) as source:
        batch = read_tiles(plan.reading(source), 0, 0)
    predictor(batch)
    calls = -(-plan.tiles // plan.memory.batch)
    began = time.perf_counter()
    for _ in range(calls):
        predictor(batch)
    return time.perf_counter() - began


def _writing(classes: Path, copy: Path) -> float:
    with rasterio.open(classes) as source:
        values = source.read(1)
        place = {"crs": source.crs, "transform": source.transform}
    profile = geotiff(*values.shape, count=1, dtype=values.dtype, zlevel=3, **place)
    began = time.perf_counter()
    with rasterio.open(copy, "w", **profile) as target:
        for rows in Window(0, 0, *values.shape).tiles(512, values.shape[1]):
            target.write(values[rows.slices], 1, window=RasterWindow.from_slices(*rows.slices))
    return time.perf_counter() - began
