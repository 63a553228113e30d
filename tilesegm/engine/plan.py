"""What a run will do, known before a pixel is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.memory import MemoryPlan, Needs, fit
from tilesegm.engine.regions import Region, plan_regions
from tilesegm.engine.regrid import STRIP, Regrid, SeenArea
from tilesegm.errors import BudgetError
from tilesegm.grid.tiles import Footprint, TileGrid, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.model.base import ModelSpec
from tilesegm.source.amplification import read_amplification
from tilesegm.source.area import Area
from tilesegm.source.background import Background
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.kernel import Kernel

__all__ = ["CHUNK", "Plan", "footprint", "make_fingerprint", "make_plan", "plan_on_grid"]

_RESULTS = "0.1.0"
"""Version since which results are the same to the last bit. It is part of the fingerprint, so raise
it with a change that gives other pixels, and only then: unfinished work has to start again."""

CHUNK = 1024
"""Side of a chunk of the store, and height of a region: the most that a kill can cost."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Tiles, regions and memory of one image with one network."""

    info: ImageInfo
    spec: ModelSpec
    tiling: Tiling
    grid: TileGrid
    decision: Decision
    memory: MemoryPlan
    panels: tuple[tuple[Region, ...], ...] = field(repr=False)
    seen: ImageInfo | None = None
    """The image as the network sees it, where `info` tells of results with other pixels."""

    @property
    def read(self) -> ImageInfo:
        """The image as it is read, and tiled."""
        return self.info if self.seen is None else self.seen

    def regrid(self, image: Source | None = None, area: Area | None = None) -> Regrid | None:
        """Return how scores come to the grid of the results; None where tiles lie on it.

        Args:
            image: tells which pixels are missing on the grid of the results.
            area: likewise pixels of interest.
        """
        if self.seen is None:
            return None
        return Regrid(
            Kernel(self.seen.height, self.info.height),
            Kernel(self.seen.width, self.info.width),
            image,
            area,
        )

    @property
    def tiles(self) -> int:
        """Tiles that are computed, those at the edges of panels once for each panel."""
        across = sum(len(self.across(panel)) for panel in self.panels)
        return len(self.grid.rows.spans) * across

    @property
    def redundancy(self) -> float:
        """Pixels computed / pixels of the image as it is read."""
        return self.tiles * self.grid.rows.tile * self.grid.cols.tile / self.read.pixels

    @property
    def read_amplification(self) -> float:
        """Pixels decoded / pixels of the image as it is read."""
        info = self.read
        return read_amplification(self._reads(), (info.height, info.width), info.block)

    @property
    def exact_overlap(self) -> int | None:
        """Overlap from which on the result is exact; None when the network's halo is unknown."""
        halo, stride = footprint(self.spec).halo, self.spec.stride
        return None if halo is None else -(-2 * halo // stride) * stride

    @property
    def exact(self) -> bool:
        """Whether the result equals one pass over the whole image, to float rounding."""
        halo = footprint(self.spec).halo
        if self.grid.tiles == 1:
            return not self.spec.inexact or self.grid.tile == (self.read.height, self.read.width)
        return not self.spec.inexact and halo is not None and self.grid.margin >= halo

    def reading(
        self, source: Source, area: Area | None = None, background: Background | None = None
    ) -> Reading:
        """Return how the planned tiles are read from the image, of an area on the results' grid."""
        if area is not None and self.seen is not None:
            rows = Kernel(self.info.height, self.seen.height)
            area = SeenArea(area, rows, Kernel(self.info.width, self.seen.width))
        return Reading(
            source,
            self.grid,
            self.memory.batch,
            self.spec.fill,
            area,
            background,
            self.spec.fills[1:],
            shrinks=(area is not None or background is not None) and not self.spec.batch,
        )

    def across(self, panel: tuple[Region, ...]) -> range:
        """Return the numbers of the columns of tiles that decide a panel."""
        window = self.tiled(panel[0].window)
        return self.grid.cols.cover(window.col, window.stop_col)

    def _reads(self) -> Iterator[Window]:
        rows, cols = self.grid.rows, self.grid.cols
        block = self.read.block[0]
        for numbers in map(self.across, self.panels):
            left = cols.spans[numbers[0]].start
            right = min(cols.spans[numbers[-1]].start + cols.tile, self.read.width)
            yield from Window(0, left, rows.size, right - left).tiles(block, right - left)

    def tiled(self, window: Window) -> Window:
        """Return the window of the tiled image that a window of the results is decided from."""
        regrid = self.regrid()
        return window if regrid is None else regrid.seen(window)


def footprint(spec: ModelSpec) -> Footprint:
    """Return what tiling must know of a network."""
    halo = spec.radius if spec.halo is None else spec.halo
    return Footprint(spec.stride, halo, spec.inexact, spec.tile, spec.multiple)


def make_plan(
    info: ImageInfo,
    spec: ModelSpec,
    *,
    tiling: Tiling,
    decision: Decision,
    cache: int,
    budget: int | None = None,
) -> Plan:
    """Plan one image.

    Args:
        info: the image.
        spec: the network.
        tiling: size, overlap and blending of tiles.
        decision: what is made of the scores.
        cache: bytes of the block cache.
        budget: most bytes that the process may hold; None for a modest default.

    Raises:
        SettingsError: the tiling does not suit the network.
        ModelError: an exact result was asked for and the network allows none.
        BudgetError: the smallest plan needs more than ``budget``.
    """
    grid = plan_grid(info.height, info.width, tiling, footprint(spec))
    needs = Needs(
        info=info,
        grid=grid,
        layers=decision.layers,
        classes=decision.planes,
        fills=len(spec.fills),
        network_bytes=spec.bytes_per_pixel,
        chunk=CHUNK,
        cache=cache,
    )
    memory = fit(needs, budget)
    _check_budget(memory, budget)
    return Plan(
        info=info,
        spec=spec,
        tiling=tiling,
        grid=grid,
        decision=decision,
        memory=memory,
        panels=plan_regions(info.height, info.width, CHUNK, memory.panel),
    )


def plan_on_grid(plan: Plan, info: ImageInfo, decision: Decision, budget: int | None) -> Plan:
    """Return a plan of the same tiles whose results lie on the grid of the image.

    Args:
        plan: of results on the grid that the network sees, with the memory that raw scores take.
        info: the image as it is stored.
        decision: what is made of the scores.
        budget: most bytes that the process may hold; None for a modest default.

    Raises:
        BudgetError: the plan needs more than ``budget``.
    """
    seen = plan.info
    panel = -(-info.width // CHUNK) * CHUNK
    if plan.memory.panel < seen.width:  # as wide on the ground, and never of more tiles
        panel = max(plan.memory.panel * info.width // seen.width // CHUNK, 1) * CHUNK
    results = sum(layer.planes * layer.dtype.itemsize for layer in decision.layers)
    # Regions: one made, one written. Strips of scores: resampled by rows, by columns, decided.
    column = 2 * CHUNK * results + STRIP * (12 * decision.planes + results)
    memory = replace(
        plan.memory,
        panel=panel,
        stream=plan.memory.stream + min(panel, info.width) * column,
    )
    _check_budget(memory, budget)
    own = (*seen.identity, ("grid", f"{info.height} x {info.width}"))
    return replace(
        plan,
        info=replace(info, identity=own, nodata=seen.nodata),
        seen=seen,
        decision=decision,
        memory=memory,
        panels=plan_regions(info.height, info.width, CHUNK, panel),
    )


def _check_budget(memory: MemoryPlan, budget: int | None) -> None:
    if budget is not None and memory.peak > budget:
        raise BudgetError(
            f"memory is limited to {_mb(budget)} and this needs {_mb(memory.peak)} "
            f"(process {_mb(memory.process)}, tiles and network {_mb(memory.batches)}, rows "
            f"{_mb(memory.stream)}, block cache {_mb(memory.cache)}); allow more, or take smaller "
            "tiles or fewer results"
        )


def make_fingerprint(
    plan: Plan, area: Area | None, background: Background | None = None
) -> dict[str, Any]:
    """Name everything that changes a pixel of the result, or the order in which it is made.

    Unfinished work is resumed only where all of it is the same.
    """
    grid = plan.grid
    return {
        "image": dict(plan.info.identity) | {"nodata": str(plan.info.nodata)},
        "model": dict(plan.spec.identity),
        "tiling": {
            "tile": grid.tile,
            "overlap": grid.overlap,
            "margin": grid.margin,
            "blend": plan.tiling.blend,
            "panel": plan.memory.panel,
        },
        "results": {
            layer.name: f"{layer.dtype} x {layer.planes}, scale {layer.scale:.6g}"
            for layer in plan.decision.layers
        }
        | {"confidence of": plan.decision.confidence or "nothing"}
        | _network_outputs(plan)
        | _rule(plan)
        | _unsure(plan),
        "area": dict(area.identity) if area else {},
        **({} if background is None else {"background": dict(background.identity)}),
        "tilesegm": {"version": _RESULTS},
    }


def _network_outputs(plan: Plan) -> dict[str, str]:
    """Say what the outputs are where it changes what is written and the weights do not tell."""
    decision = plan.decision
    if not plan.spec.overruled or not decision.needs_probabilities:
        return {}
    return {"network outputs": "probabilities" if decision.probabilities else "logits"}


def _unsure(plan: Plan) -> dict[str, float]:
    """Say below which probability pixels are unsure, where any are."""
    least = plan.decision.least
    return {} if least is None else {"unsure below": least}


def _rule(plan: Plan) -> dict[str, Any]:
    """Say how classes are decided where it is not by the highest score as it is."""
    rule = plan.decision.effective
    told: dict[str, Any] = {}
    if rule.offsets:
        told["offsets"] = list(rule.offsets)
    if rule.temperature != 1:
        told["temperature"] = rule.temperature
    if plan.decision.members:
        told["temperatures"] = [member.temperature for member in plan.decision.members]
    return told


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
