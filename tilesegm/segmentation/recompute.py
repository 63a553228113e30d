"""Makes a random sample of tiles of a result again, and compares every pixel."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.decide import Decision
from tilesegm.engine.members import each_probabilities
from tilesegm.engine.on_grid import stream_results
from tilesegm.engine.plan import Plan, make_fingerprint
from tilesegm.engine.regions import Region
from tilesegm.engine.stream import Job, Results
from tilesegm.errors import InputError
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor
from tilesegm.segmentation.narrowing import open_narrowing
from tilesegm.segmentation.outputs import extra_paths, output_paths
from tilesegm.segmentation.recipe import ARRAY, Recipe
from tilesegm.segmentation.result_grid import image_grid
from tilesegm.segmentation.setup import open_predictor, open_scaled, open_whole, plan_for
from tilesegm.sink.fingerprint import differences, plain
from tilesegm.sink.layer import Layer
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.open import open_source

__all__ = ["Recomputed", "Sampling", "read_layer", "recompute"]

_PLACE = ("path", "mtime_ns", "files")
"""Entries of an image's identity that a copy of it at another place does not share."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What is computed again, and with what."""

    fraction: float
    """Fraction of tiles, from 0 to 1."""
    image: Any = None
    """In place of the image that the result names."""
    model: Any = None
    """In place of the network that the result names."""
    rounding: float = 0.0
    """Probability by which results may differ, as on another machine; 0 for equal pixels."""
    seed: int = 0
    """Draws the tiles."""

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise InputError(
                f"recompute is {self.fraction:g}; give a fraction of tiles from 0 to 1, such as "
                "0.01 or 1%"
            )
        if not 0 <= self.rounding < 1:
            raise InputError(f"rounding is {self.rounding:g}; give a probability such as 0.001")


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """Tiles that were computed again."""

    tiles: int
    """Tiles of the result."""
    sampled: int
    """Tiles that were computed again."""
    altered: tuple[str, ...]
    """Where a tile differs, a line each."""
    rounded: int
    """Tiles that differ by no more than the rounding that was allowed."""

    def odds(self, altered: int) -> float:
        """Return the probability that at least one is found of as many altered tiles.

        Without replacement: ``1 - C(tiles - altered, sampled) / C(tiles, sampled)``.
        """
        altered = min(altered, self.tiles)
        missed = math.comb(self.tiles - altered, self.sampled)
        return 1 - missed / math.comb(self.tiles, self.sampled)


def recompute(result: Path, recipe: Recipe, sampling: Sampling, on_event: OnEvent) -> Recomputed:
    """Compute a sample of tiles again as the run did, and compare all layers.

    Args:
        result: class map.
        recipe: how it was made.
        sampling: which tiles, and with what.
        on_event: called with progress.

    Raises:
        InputError: image or network are missing, or are others than those of the run.
    """
    with ExitStack() as opened:
        job, plan = _open_job(recipe, sampling, opened)
        layers = {layer.name: layer for layer in plan.decision.layers}
        paths = output_paths(result, recipe.options)
        places = {"classes": paths["classes"], **dict(extra_paths(paths))}
        stored = {name: opened.enter_context(open_source(path)) for name, path in places.items()}
        windows = _tiles(plan)
        count = math.ceil(sampling.fraction * len(windows))
        chosen = sorted(random.Random(sampling.seed).sample(range(len(windows)), count))
        on_event(StageStarted(f"computing {count} of {len(windows)} tiles again"))
        altered, rounded = [], 0
        for done, number in enumerate(chosen, 1):
            window = windows[number]
            before = {
                name: read_layer(source, layers[name], window) for name, source in stored.items()
            }
            different = _different(job, window, before)
            if different and sampling.rounding and _only_rounding(job, window, before, sampling):
                rounded += 1
            elif different:
                altered.append(
                    f"rows {window.row} to {window.stop_row - 1}, columns {window.col} to "
                    f"{window.stop_col - 1}: {different} of {window.pixels} pixels differ"
                )
            on_event(StageProgress(done / count))
    return Recomputed(tiles=len(windows), sampled=count, altered=tuple(altered), rounded=rounded)


def _open_job(recipe: Recipe, sampling: Sampling, opened: ExitStack) -> tuple[Job, Plan]:
    """Open image and network of the run, and refuse those that are others."""
    image = recipe.image if sampling.image is None else sampling.image
    model = recipe.model if sampling.model is None else sampling.model
    for what, given in (("image", image), ("model", model)):
        if given is None:
            raise InputError(
                f"the result does not tell the path of its {what}, as for those in memory; give it "
                f"(--{what})"
            )
    options = recipe.options
    if options.area == ARRAY:
        raise InputError(
            "the area of interest of the result was an array, which it does not keep, so no tile "
            "can be computed again; leave --recompute out"
        )

    def opener(info: ImageInfo) -> Predictor:
        return open_predictor(model, info, options)

    try:
        source, predictor = opened.enter_context(open_scaled(image, options, opener, ignore))
        whole = opened.enter_context(open_whole(image, source, options))
    except InputError as error:
        raise InputError(
            f"image and network of the result are needed to compute it again: {error}; give where "
            "they are now (--image, --model)"
        ) from error
    grid = image_grid(source, options)
    narrowed = open_narrowing(image, source, options, ignore)
    area, background = narrowed.area, narrowed.background
    plan = plan_for(source.info, predictor.spec, recipe.tiling, options, grid)
    now = plain(make_fingerprint(plan, area, background))
    before = {name: dict(part) for name, part in recipe.fingerprint.items() if name in now}
    for part in (now, before):
        part["tiling"].pop("panel", None)
        for name in _PLACE if sampling.image is not None else ():
            part["image"].pop(name, None)
    if changes := differences(before, now):
        raise InputError(
            f"this is not what the result was made of: {'; '.join(changes)}; give the image and "
            "the network of that run (--image, --model)"
        )
    planned = replace(plan.reading(source, area, background), batch=recipe.batch)
    reading = planned.as_agreed(recipe.shrinks)
    return Job(reading, predictor, plan.decision, plan.regrid(whole, area)), plan


def _tiles(plan: Plan) -> list[Window]:
    """Return the pixels that each tile finishes: every pixel is in one of them."""

    def parts(axis: Any, read: int, size: int) -> Iterator[tuple[int, int]]:
        first = 0
        for number in range(len(axis.spans)):
            stop = axis.finished(number) * size // read
            if stop > first:
                yield first, stop - first
            first = stop

    rows, cols = plan.grid.rows, plan.grid.cols
    read, info = plan.read, plan.info
    return [
        Window(row, col, height, width)
        for row, height in parts(rows, read.height, info.height)
        for col, width in parts(cols, read.width, info.width)
    ]


def _compute(job: Job, window: Window) -> Results:
    (finished,) = stream_results(job, (Region(0, window),))
    return finished.results


def read_layer(source: Source, layer: Layer, window: Window) -> NDArray[Any]:
    """Read a layer of a finished map as the run computed it."""
    values = source.read(window).values.astype(layer.dtype)
    return values[..., 0] if layer.planes == 1 else values.transpose(2, 0, 1)


def _different(job: Job, window: Window, before: Results) -> int:
    """Return how many pixels differ in any layer."""
    now = _compute(job, window)
    wrong = np.zeros((window.height, window.width), bool)
    for name, values in before.items():
        unequal = ~((values == now[name]) | ((values != values) & (now[name] != now[name])))
        wrong |= unequal if unequal.ndim == 2 else unequal.any(axis=0)
    return int(wrong.sum())


def _undecided(raw: NDArray[Any], decision: Decision, allowed: float) -> NDArray[Any]:
    """Return the share of an ensemble's networks whose class rounding may change, by pixel."""
    weights = decision.rule.weights(decision.classes)[:, np.newaxis, np.newaxis]
    each = each_probabilities(raw, decision.members)
    best = [np.partition(one * weights, -2, axis=0)[-2:] for one in each]
    near = [top - second <= allowed * weights.max() for second, top in best]
    share: NDArray[Any] = np.mean(near, axis=0)
    return share


def _only_rounding(job: Job, window: Window, before: Results, sampling: Sampling) -> bool:
    """Tell whether all differences are of classes about equally probable, and of small numbers."""
    allowed, now = sampling.rounding, _compute(job, window)
    rule, classes = job.decision.rule, job.decision.classes
    votes = job.decision.confidence == "agreement"
    exact = replace(job.decision, confidence=None, scores="float32", least=None, raw=votes)
    certain = _compute(replace(job, decision=exact), window)
    scores = certain["scores"]
    weights = rule.weights(classes).astype(np.float32)
    for layer in job.decision.layers:
        values, computed = before[layer.name], now[layer.name]
        if layer.name == "classes":
            missing = computed == layer.nodata
            known = np.where(values < job.decision.classes, values, 0)
            probable = np.take_along_axis(scores, known[np.newaxis].astype(np.intp), 0)[0]
            # A probability may be off by half of it, and that of a rival in the other direction.
            least = weights[known] * (probable + allowed / 2)
            most = ((scores - allowed / 2) * weights[:, np.newaxis, np.newaxis]).max(axis=0)
            near = (values != layer.nodata) & (least >= most)
            near &= values < len(scores)
            if job.decision.least is not None:
                decided = (scores * weights[:, np.newaxis, np.newaxis]).argmax(axis=0)
                top = np.take_along_axis(scores, decided[np.newaxis], 0)[0]
                near &= probable >= job.decision.least - allowed
                near |= (values == classes) & (top < job.decision.least + allowed)
            right = np.where(missing, values == layer.nodata, near)
        else:
            holes = (values == layer.nodata) == (computed == layer.nodata)
            holes &= np.isnan(values) == np.isnan(computed)
            step = max(allowed, layer.scale) if layer.dtype.kind == "u" else allowed
            gap = np.abs(values.astype(float) - computed.astype(float)) * layer.scale
            slack: Any = step * 1.0001
            if votes and layer.name == "confidence":
                slack = slack + _undecided(certain["raw"], job.decision, allowed)
                # That of another class is another number.
                slack[before["classes"] != now["classes"]] = 1
            right = holes & ((gap <= slack) | np.isnan(computed))
        if not right.all():
            return False
    return True
