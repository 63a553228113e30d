"""Compares a tiling with a shifted one, where its seams cross."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.batches import Reading, read_tiles
from tilesegm.grid.axis import Axis
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor

__all__ = ["Crossing", "compare_crossings", "seams_of"]

# Steps of the sequence that spreads samples over both axes (Roberts 2018, plastic number).
_SPREAD = (0.7548776662466927, 0.5698402909980532)


@dataclass(frozen=True)
class Crossing:
    """The two answers around one place where seams meet, or along one where only one axis has any.

    The shifted tile has its middle on the place. Only its inner half is compared, which has a
    quarter of a tile as context on every side.
    """

    window: Window
    """Pixels that were compared."""
    tiled: NDArray[np.intp]
    """``(height, width)`` classes that a run writes."""
    shifted: NDArray[np.intp]
    """``(height, width)`` classes of the shifted tile."""
    distance: NDArray[np.float64]
    """``(height, width)`` pixels to the nearest seam."""


def seams_of(axis: Axis) -> NDArray[np.float64]:
    """Return where neighbouring tiles change over: the middle of what both contribute to."""
    return np.array([(late.first + early.last) / 2 for early, late in pairwise(axis.spans)])


def compare_crossings(
    reading: Reading, predictor: Predictor, samples: int, seed: int = 0
) -> Iterator[Crossing]:
    """Yield comparisons at ``samples`` places, spread evenly; none when one tile covers the image.

    Args:
        reading: the image and its grid.
        predictor: the network; called about five times a sample.
        samples: places to look at.
        seed: moves the places.
    """
    rows, cols = reading.grid.rows, reading.grid.cols
    row_seams, col_seams = seams_of(rows), seams_of(cols)
    if not len(row_seams) and not len(col_seams):
        return
    first = np.random.default_rng(seed).random(2)
    for n in range(samples):
        at = (first + n * np.array(_SPREAD)) % 1.0
        row = _place(rows, row_seams, at[0], predictor.spec.stride)
        col = _place(cols, col_seams, at[1], predictor.spec.stride)
        yield _compare(reading, predictor, row, col)


def _place(axis: Axis, seams: NDArray[np.float64], at: float, stride: int) -> int:
    """Start of the shifted tile on one axis: around a seam, or anywhere when there is none."""
    middle = seams[int(at * len(seams))] if len(seams) else axis.tile / 2
    start = int(middle - axis.tile / 2) // stride * stride
    return min(max(start, 0), axis.spans[-1].start)


def _compare(reading: Reading, predictor: Predictor, row: int, col: int) -> Crossing:
    rows, cols = reading.grid.rows, reading.grid.cols
    top, bottom = _inner(rows, row)
    left, right = _inner(cols, col)
    blended = np.zeros((len(predictor.spec.classes), bottom - top, right - left), np.float32)
    for r in rows.cover(top, bottom):
        for c in cols.cover(left, right):
            down, across = rows.spans[r], cols.spans[c]
            y0, y1 = max(down.first, top), min(down.last, bottom)
            x0, x1 = max(across.first, left), min(across.last, right)
            scores = _scores(reading, predictor, down.start, across.start)
            part = scores[
                :, y0 - down.start : y1 - down.start, x0 - across.start : x1 - across.start
            ]
            weights = np.outer(
                down.weights[y0 - down.first : y1 - down.first],
                across.weights[x0 - across.first : x1 - across.first],
            )
            blended[:, y0 - top : y1 - top, x0 - left : x1 - left] += part * weights
    whole = _scores(reading, predictor, row, col)[
        :, top - row : bottom - row, left - col : right - col
    ]
    return Crossing(
        Window(top, left, bottom - top, right - left),
        blended.argmax(0),
        whole.argmax(0),
        np.minimum.outer(_distance(rows, top, bottom), _distance(cols, left, right)),
    )


def _scores(reading: Reading, predictor: Predictor, row: int, col: int) -> NDArray[np.float32]:
    return np.asarray(predictor(read_tiles(reading, row, col))[0])


def _inner(axis: Axis, start: int) -> tuple[int, int]:
    """Pixels that are compared: the inner half, and what lies between it and an image's edge.

    A tile that ends with the image meets its edge as every tiling does.
    """
    quarter = axis.tile // 4
    first = start + quarter if start > 0 else 0
    last = start + axis.tile - quarter if start < axis.spans[-1].start else axis.size
    return first, min(last, axis.size)


def _distance(axis: Axis, start: int, stop: int) -> NDArray[np.float64]:
    seams = seams_of(axis)
    centres = np.arange(start, stop) + 0.5
    if not len(seams):
        return np.full(len(centres), np.inf)
    return np.asarray(np.abs(centres[:, None] - seams).min(1))
