"""Networks in numpy, and whole images through the engine without files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.regions import plan_regions
from tilesegm.engine.stream import Finished, Job, stream
from tilesegm.grid.tiles import Footprint, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec
from tilesegm.source.area import Area
from tilesegm.source.open import open_source

__all__ = ["Cut", "Network", "assemble", "coordinates", "make_job", "place_image", "run_whole"]

Planes = NDArray[np.float32]


@dataclass
class Network:
    """Turns ``(N, H, W, bands)`` into ``(N, classes, H, W)``, and remembers what it was given."""

    function: Callable[[NDArray[Any]], NDArray[Any]]
    classes: int
    stride: int = 1
    radius: int | None = None
    fill: tuple[float, ...] = (0.0,)
    probabilities: bool = True
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def spec(self) -> ModelSpec:
        """What is known about it."""
        return ModelSpec(
            name="network",
            bands=None,
            classes=tuple(ClassInfo(f"class {n}", (n % 256, 0, 0)) for n in range(self.classes)),
            stride=self.stride,
            radius=self.radius,
            probabilities=self.probabilities,
            fill=self.fill,
        )

    def __call__(self, tiles: NDArray[Any]) -> Planes:
        """Score a batch."""
        self.shapes.append(tiles.shape)
        return np.ascontiguousarray(self.function(tiles), np.float32)


def place_image(height: int, width: int) -> NDArray[np.float32]:
    """Return an image whose two bands are the row and the column of each pixel."""
    return np.stack(np.mgrid[:height, :width], axis=-1).astype(np.float32)


def coordinates(stride: int = 1) -> Network:
    """Return the network that scores a pixel of `place_image` with its own row and column.

    It looks at no neighbours but insists on tiles that lie on its stride.
    """

    def function(tiles: NDArray[Any]) -> NDArray[Any]:
        corners = tiles[:, 0, 0]
        assert (corners % stride == 0).all()
        assert tiles.shape[1] % stride == tiles.shape[2] % stride == 0
        return tiles.transpose(0, 3, 1, 2).copy()

    return Network(function, classes=2, stride=stride)


@dataclass(frozen=True)
class Cut:
    """How an image is cut for a run."""

    tiling: Tiling
    batch: int = 1
    chunk: int = 16
    panel: int = 32


def make_job(
    image: Any,
    network: Network,
    cut: Cut,
    *,
    decision: Decision | None = None,
    area: Area | None = None,
    nodata: float | None = None,
) -> Job:
    """Make the job of an image; all scores are results unless a decision says otherwise."""
    source = open_source(image, nodata=nodata)
    footprint = Footprint(network.stride, network.radius)
    grid = plan_grid(source.info.height, source.info.width, cut.tiling, footprint)
    decision = decision or Decision(network.classes, network.probabilities, scores="float32")
    reading = Reading(source, grid, cut.batch, network.fill, area)
    return Job(reading, network, decision)


def run_whole(job: Job, cut: Cut) -> list[Finished]:
    """Run all regions of an image, panel by panel."""
    info = job.reading.source.info
    panels = plan_regions(info.height, info.width, cut.chunk, cut.panel)
    return [finished for panel in panels for finished in stream(job, panel)]


def assemble(finished: list[Finished], name: str) -> NDArray[Any]:
    """Put regions together; a pixel that no region has is a failure."""
    height = max(one.region.window.stop_row for one in finished)
    width = max(one.region.window.stop_col for one in finished)
    first = finished[0].results[name]
    whole = np.empty((*first.shape[:-2], height, width), first.dtype)
    seen = np.zeros((height, width), int)
    for one in finished:
        whole[(..., *one.region.window.slices)] = one.results[name]
        seen[one.region.window.slices] += 1
    assert (seen == 1).all()
    return whole
