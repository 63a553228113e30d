"""A look at held-out pixels: they are segmented by tiles, as `predict` segments an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.plan import footprint
from tilesegm.engine.regions import plan_regions
from tilesegm.engine.stream import Job, stream
from tilesegm.grid.tiles import TileGrid, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.metrics.confusion import count_confusion
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.training.scene_source import SceneSource
from tilesegm.training.settings.config import ValidationSettings

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes

__all__ = ["Look", "Part", "choose_parts", "look_at", "plan_looks"]

_CHUNK = 1024
_PANEL = 8192


@dataclass(frozen=True)
class Part:
    """A window of a scene that is held out."""

    scene: int
    window: Window


@dataclass(frozen=True)
class Look:
    """What a network made of a window."""

    part: Part
    truth: NDArray[np.int32]
    """``(height, width)`` class ids, or ``IGNORE``."""
    predicted: NDArray[Any]
    """``(height, width)`` class ids; where the image misses a pixel the greatest number."""
    confusion: NDArray[np.int64]
    """``(K, K)`` pixels by true class (row) and predicted class."""


def choose_parts(
    windows: Sequence[Sequence[Window]], *, tile: int, megapixels: float | None, seed: int
) -> tuple[Part, ...]:
    """Choose what to look at: everything, or as much as is allowed, the same every time.

    Windows are cut into squares of ``tile`` pixels when not all of them may be looked at, and
    squares are drawn from all over, so that a part of a large image stands for all of it.

    Args:
        windows: Held-out windows of each scene.
        tile: Side of a square in pixels.
        megapixels: Most pixels, in millions; None for all. One square at least is chosen.
        seed: Seed of the draw.
    """
    parts = tuple(Part(n, window) for n, each in enumerate(windows) for window in each)
    allowed = np.inf if megapixels is None else megapixels * 1e6
    if sum(part.window.pixels for part in parts) <= allowed:
        return parts
    squares = [square for part in parts for square in _cut(part, tile)]
    chosen: list[int] = []
    left = allowed
    for number in np.random.default_rng(seed).permutation(len(squares)):
        left -= squares[number].window.pixels
        if chosen and left < 0:
            break
        chosen.append(int(number))
    return tuple(squares[number] for number in sorted(chosen))


def plan_looks(scenes: Scenes, spec: ModelSpec, settings: ValidationSettings) -> list[TileGrid]:
    """Lay tiles over each scene.

    Raises:
        SettingsError: Tiles and overlap do not suit the network.
    """
    tiling = Tiling(settings.tile, settings.overlap)
    return [plan_grid(info.height, info.width, tiling, footprint(spec)) for info in scenes.infos]


def look_at(
    parts: Sequence[Part],
    scenes: Scenes,
    predictor: Predictor,
    grids: Sequence[TileGrid],
    *,
    batch: int,
) -> Iterator[Look]:
    """Segment held-out windows by the tiles that `predict` would lay over their images.

    Tiles reach over the edges of a window as far as the image goes, so that its pixels are seen
    with the context that they have in use.

    Args:
        parts: Where to look.
        scenes: Images and labels.
        predictor: The network.
        grids: Tiles of each scene, see :func:`plan_looks`.
        batch: Most tiles at once.

    Yields:
        One look a part, or several of at most 1024 rows and 8192 columns for a larger part.

    Raises:
        SourceError: Pixels cannot be read.
        ModelError: The network gives NaN or infinite scores.
    """
    spec = predictor.spec
    decision = Decision(len(spec.classes), spec.probabilities)
    for part in parts:
        window, grid = part.window, grids[part.scene]
        across = len(grid.cols.cover(window.col, min(window.stop_col, window.col + _PANEL)))
        source = SceneSource(scenes, part.scene)
        reading = Reading(source, grid, min(batch, across), spec.fill)
        job = Job(reading, predictor, decision)
        for panel in plan_regions(window.height, window.width, _CHUNK, _PANEL):
            run = tuple(
                replace(region, window=region.window.shift(window.row, window.col))
                for region in panel
            )
            with closing(stream(job, run)) as finished:
                for each in finished:
                    place = each.region.window
                    truth = scenes.read_labels(part.scene, place)
                    predicted = each.results["classes"]
                    counts = count_confusion(truth, predicted, decision.classes)
                    yield Look(Part(part.scene, place), truth, predicted, counts)


def _cut(part: Part, side: int) -> Iterator[Part]:
    window = part.window
    for row in range(window.row, window.stop_row, side):
        for col in range(window.col, window.stop_col, side):
            height, width = min(side, window.stop_row - row), min(side, window.stop_col - col)
            yield Part(part.scene, Window(row, col, height, width))
