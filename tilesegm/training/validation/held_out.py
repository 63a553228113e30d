"""Held-out regions, segmented by tiles as `predict` segments an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.plan import footprint
from tilesegm.engine.regions import plan_regions
from tilesegm.engine.stream import Job, stream
from tilesegm.grid.tiles import TileGrid, plan_grid
from tilesegm.grid.tiling import Blend, Tiling
from tilesegm.grid.window import Window
from tilesegm.metrics.confusion import count_confusion
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.training.settings.config import ValidationSettings
from tilesegm.training.validation.scene_source import SceneSource

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes

__all__ = [
    "Region",
    "ValidatedRegion",
    "choose_regions",
    "lay_validation_grids",
    "read_truth",
    "segment_held_out",
]

_CHUNK = 1024
_PANEL = 8192
_SCORES = 32 * _CHUNK
"""Widest panel times classes, where scores are kept: 128 MB of them."""


@dataclass(frozen=True)
class Region:
    """A window of a scene that is held out."""

    scene: int
    """Number of the scene."""
    window: Window
    counted: tuple[Window, ...] | None = None
    """Parts of the window that are held out; None for all of it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ValidatedRegion(Region):
    """A held-out region with its labels and predicted classes."""

    truth: NDArray[np.int32]
    """``(height, width)`` class ids, or ``IGNORE``."""
    predicted: NDArray[Any]
    """``(height, width)`` class ids; where the image misses a pixel the greatest number."""
    confusion: NDArray[np.int64]
    """``(K, K)`` pixels by true class (row) and predicted class."""
    scores: NDArray[np.float32] | None = None
    """``(K, height, width)`` blended scores as they are, or the probabilities if the decision asks
    for these alone, NaN where the image misses a pixel; None where none were asked for."""


def choose_regions(
    windows: Sequence[Sequence[Window]], *, tile: int, megapixels: float | None, seed: int
) -> tuple[Region, ...]:
    """Choose the regions to validate on: all, or as many as allowed, the same every time.

    Windows are cut into squares of ``tile`` pixels when not all of them may be segmented, and
    squares are drawn from all over, so that a part of a large image stands for all of it.

    Args:
        windows: held-out windows of each scene.
        tile: side of a square in pixels.
        megapixels: most pixels, in millions; None for all. At least one square is chosen.
        seed: seed of the draw.
    """
    regions = tuple(region for n, each in enumerate(windows) for region in _regions(n, each, tile))
    allowed = np.inf if megapixels is None else megapixels * 1e6
    if sum(region.window.pixels for region in regions) <= allowed:
        return regions
    squares = [
        replace(region, window=square) for region in regions for square in region.window.tiles(tile)
    ]
    chosen: list[int] = []
    left = allowed
    for number in np.random.default_rng(seed).permutation(len(squares)):
        left -= squares[number].window.pixels
        if chosen and left < 0:
            break
        chosen.append(int(number))
    return tuple(squares[number] for number in sorted(chosen))


def _regions(scene: int, windows: Sequence[Window], tile: int) -> Iterator[Region]:
    """Take windows as they are, or many small ones together where one tile shows several."""
    squares: dict[tuple[int, int], list[Window]] = {}
    for window in windows:
        for row in range(window.row // tile, -(-window.stop_row // tile)):
            for col in range(window.col // tile, -(-window.stop_col // tile)):
                part = window.intersect(Window(row * tile, col * tile, tile, tile))
                if part is not None:
                    squares.setdefault((row, col), []).append(part)
    if len(squares) >= len(windows):
        yield from (Region(scene, window) for window in windows)
        return
    for _, parts in sorted(squares.items()):
        row, col = min(part.row for part in parts), min(part.col for part in parts)
        bottom, right = max(p.stop_row for p in parts), max(p.stop_col for p in parts)
        yield Region(scene, Window(row, col, bottom - row, right - col), tuple(parts))


def lay_validation_grids(
    scenes: Scenes, spec: ModelSpec, settings: ValidationSettings, blend: Blend = "hann"
) -> list[TileGrid]:
    """Lay tiles over each scene.

    Args:
        scenes: images and labels.
        spec: the network.
        settings: size of tiles and their overlap.
        blend: how neighbours become one; "crop" gives each pixel to one tile.

    Raises:
        SettingsError: tiles and overlap do not suit the network.
    """
    tiling = Tiling(settings.tile, settings.overlap, blend)
    return [plan_grid(info.height, info.width, tiling, footprint(spec)) for info in scenes.infos]


def segment_held_out(
    regions: Sequence[Region],
    scenes: Scenes,
    predictor: Predictor,
    grids: Sequence[TileGrid],
    *,
    batch: int,
    decision: Decision | None = None,
) -> Iterator[ValidatedRegion]:
    """Segment held-out regions by the tiles that `predict` would lay over their images.

    Tiles reach over the edges of a region as far as the image goes, so that its pixels are seen
    with the context that they have in use.

    Args:
        regions: windows to segment.
        scenes: images and labels.
        predictor: the network.
        grids: tiles of each scene, see `lay_validation_grids`.
        batch: most tiles at once.
        decision: how classes are decided, and whether scores are wanted; None for the arg-max.

    Yields:
        One result per region, or several of at most 1024 rows and 8192 columns for a larger one.

    Raises:
        SourceError: pixels cannot be read.
        ModelError: the network gives NaN or infinite scores.
    """
    spec = predictor.spec
    decision = decision or Decision(len(spec.classes), spec.probabilities)
    panel_width = _PANEL
    if decision.raw or decision.scores:
        panel_width = min(_PANEL, max(_SCORES // decision.classes // _CHUNK, 1) * _CHUNK)
    for region in regions:
        window, grid = region.window, grids[region.scene]
        across = len(grid.cols.cover(window.col, min(window.stop_col, window.col + panel_width)))
        source = SceneSource(scenes, region.scene)
        reading = Reading(source, grid, min(batch, across), spec.fill)
        job = Job(reading, predictor, decision)
        for panel in plan_regions(window.height, window.width, _CHUNK, panel_width):
            run = tuple(
                replace(part, window=part.window.shift(window.row, window.col)) for part in panel
            )
            with closing(stream(job, run)) as finished:
                for part in finished:
                    place = part.region.window
                    truth = read_truth(scenes, region, place)
                    predicted = part.results["classes"]
                    yield ValidatedRegion(
                        region.scene,
                        place,
                        truth=truth,
                        predicted=predicted,
                        confusion=count_confusion(truth, predicted, decision.classes),
                        scores=part.results.get("raw" if decision.raw else "scores"),
                    )


def read_truth(scenes: Scenes, region: Region, place: Window) -> NDArray[np.int32]:
    """Read the labels of a window of a region, ``IGNORE`` where nothing is held out."""
    truth = scenes.read_labels(region.scene, place)
    if region.counted is not None:
        truth[~_inside(place, region.counted)] = IGNORE
    return truth


def _inside(place: Window, windows: Sequence[Window]) -> NDArray[np.bool_]:
    """Tell the pixels of a place that lie in one of the windows, ``(height, width)``."""
    inside = np.zeros((place.height, place.width), bool)
    for window in windows:
        part = window.intersect(place)
        if part is not None:
            inside[part.shift(-place.row, -place.col).slices] = True
    return inside
