"""Compares what tiles give around a seam with one tile that has no seam there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.batches import Reading, read_tiles
from tilesegm.engine.decide import Decision, decide
from tilesegm.engine.overlap_add import OverlapAdd
from tilesegm.grid.axis import Axis
from tilesegm.grid.tiles import TileGrid
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor

__all__ = ["SeamCheck", "check_seams", "expected_flips"]

# Steps of the sequence that spreads samples over both axes (Roberts 2018, plastic number).
_SPREAD = (0.7548776662466927, 0.5698402909980532)


@dataclass(frozen=True)
class SeamCheck:
    """Two class maps around one place where seams cross, or on a seam where one axis alone has any.

    One is blended from the tiles of the run. The other is that of a shifted tile, which has its
    middle on the place; only its inner half is compared, with a quarter of a tile as context on
    every side, so it stands in for one pass over the whole image.
    """

    window: Window
    """Pixels that were compared."""
    flips: NDArray[np.bool_]
    """``(height, width)``, True where the two classes differ."""
    distance: NDArray[np.float64]
    """``(height, width)`` pixels to the nearest seam."""


def check_seams(
    reading: Reading,
    predictor: Predictor,
    samples: int,
    seed: int = 0,
    decision: Decision | None = None,
) -> Iterator[SeamCheck]:
    """Yield comparisons at ``samples`` places, spread evenly; none when one tile covers the image.

    Args:
        reading: the image and its grid.
        predictor: the network; called about five times per sample.
        samples: places to compare.
        seed: moves the places.
        decision: how class ids follow from scores; None for the highest one.
    """
    spec = predictor.spec
    decision = decision or Decision(len(spec.classes), spec.probabilities)
    decision = replace(decision, confidence=None, scores=None, least=None, raw=False)
    rows, cols = reading.grid.rows, reading.grid.cols
    if reading.grid.tiles == 1:
        return
    first = np.random.default_rng(seed).random(2)
    for n in range(samples):
        down, across = (first + n * np.array(_SPREAD)) % 1.0
        row = _shifted_start(rows, down, predictor.spec.stride)
        col = _shifted_start(cols, across, predictor.spec.stride)
        yield _check(reading, predictor, decision, row, col)


def expected_flips(checks: Iterable[SeamCheck], grid: TileGrid) -> float:
    """Fraction of the image's pixels whose class the seams are expected to change."""
    flips = length = 0
    for check in checks:
        flips += int(np.count_nonzero(check.flips))
        length += _seam_length(grid, check.window)
    rows, cols = grid.rows.size, grid.cols.size
    return flips / max(length, 1) * _seam_length(grid, Window(0, 0, rows, cols)) / (rows * cols)


def _seam_length(grid: TileGrid, window: Window) -> int:
    """Pixels of seam inside a window."""
    rows, cols = grid.rows.seams, grid.cols.seams
    across = np.count_nonzero((rows > window.row) & (rows < window.stop_row)) * window.width
    down = np.count_nonzero((cols > window.col) & (cols < window.stop_col)) * window.height
    return int(across + down)


def _shifted_start(axis: Axis, at: float, stride: int) -> int:
    """Start of the shifted tile on one axis: around a seam, or anywhere when there is none."""
    seams = axis.seams
    middle = seams[int(at * len(seams))] if len(seams) else axis.tile / 2
    start = int(middle - axis.tile / 2) // stride * stride
    return min(max(start, 0), axis.spans[-1].start)


def _check(
    reading: Reading, predictor: Predictor, decision: Decision, row: int, col: int
) -> SeamCheck:
    rows, cols = reading.grid.rows, reading.grid.cols
    top, bottom = _inner(rows, row)
    left, right = _inner(cols, col)
    window = Window(top, left, bottom - top, right - left)
    shifted = _scores(reading, predictor, row, col)
    shifted = shifted[(slice(None), *window.shift(-row, -col).slices)]
    return SeamCheck(
        window,
        _blended_classes(reading, predictor, decision, window) != _ids(shifted, decision),
        np.minimum.outer(rows.seam_distance(top, bottom), cols.seam_distance(left, right)),
    )


def _blended_classes(
    reading: Reading, predictor: Predictor, decision: Decision, window: Window
) -> NDArray[np.intp]:
    """Classes ``(height, width)`` that a run writes, to the last bit: it adds tiles likewise."""
    rows, cols = reading.grid.rows, reading.grid.cols
    classes = np.empty((window.height, window.width), np.intp)
    blend = OverlapAdd(rows, cols, classes=decision.planes, left=window.col, right=window.stop_col)
    for row in rows.cover(window.row, window.stop_row):
        for col in cols.cover(window.col, window.stop_col):
            scores = _scores(reading, predictor, rows.spans[row].start, cols.spans[col].start)
            finished = blend.add(row, col, scores)
            if finished is None:
                continue
            part = Window(rows.spans[row].first, finished[0], *finished[1].shape[1:])
            inside = part.intersect(window)
            if inside is not None:
                wanted = finished[1][(slice(None), *inside.shift(-part.row, -part.col).slices)]
                classes[inside.shift(-window.row, -window.col).slices] = _ids(wanted, decision)
        blend.end_row()
    return classes


def _ids(scores: NDArray[np.float32], decision: Decision) -> NDArray[np.generic]:
    return decide(scores.copy(), decision)["classes"]


def _scores(reading: Reading, predictor: Predictor, row: int, col: int) -> NDArray[np.float32]:
    """Scores ``(classes, height, width)`` of the tile that starts here, to be changed in place."""
    return np.array(predictor(read_tiles(reading, row, col))[0])


def _inner(axis: Axis, start: int) -> tuple[int, int]:
    """Pixels that are compared: the inner half, and what lies between it and an image's edge.

    A tile that ends with the image meets its edge as every tiling does.
    """
    quarter = axis.tile // 4
    first = start + quarter if start > 0 else 0
    last = start + axis.tile - quarter if start < axis.spans[-1].start else axis.size
    return first, min(last, axis.size)
