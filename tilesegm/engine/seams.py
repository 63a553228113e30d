"""How often tiling changes a class, measured on a few windows before a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.batches import Reading, read_tiles
from tilesegm.grid.tiles import TileGrid
from tilesegm.model.base import Predictor

__all__ = ["SeamSample", "expected_flips", "sample_seams"]


@dataclass(frozen=True)
class SeamSample:
    """What comparing tiles across seams has shown."""

    flips: int
    """Pixels whose class differed from that of a tile centred on the seam."""
    length: int
    """Pixels of seam that were looked at."""


def sample_seams(reading: Reading, predictor: Predictor, samples: int = 4) -> SeamSample:
    """Compare blended neighbours with one tile whose middle lies on their seam.

    The middle half of a tile has a quarter of it as context on either side: much more than the
    overlap, so it stands in for one pass over the whole image. Only seams between columns are
    looked at; those between rows behave alike.

    Args:
        reading: the image and its grid.
        predictor: the network; called three times a sample.
        samples: seams to look at, spread over the image.
    """
    pairs = len(reading.grid.cols.spans) - 1
    rows = len(reading.grid.rows.spans)
    flips = length = 0
    for n in range(samples if pairs > 0 else 0):
        row = (2 * n + 1) * rows // (2 * samples)
        col = (2 * n + 1) * pairs // (2 * samples)
        changed = _compare(reading, predictor, row, col)
        flips += int(np.count_nonzero(changed))
        length += changed.shape[0]
    return SeamSample(flips, length)


def expected_flips(sample: SeamSample, grid: TileGrid) -> float:
    """Fraction of the image's pixels that seams are expected to change."""
    rows, cols = grid.rows, grid.cols
    seams = (len(cols.spans) - 1) * rows.size + (len(rows.spans) - 1) * cols.size
    return sample.flips / max(sample.length, 1) * seams / (rows.size * cols.size)


def _compare(reading: Reading, predictor: Predictor, row: int, col: int) -> NDArray[np.bool_]:
    """Return ``(height, width)`` around a seam, True where classes differ."""
    grid, stride = reading.grid, predictor.spec.stride
    tile, top = grid.cols.tile, grid.rows.spans[row].start
    left, right = grid.cols.spans[col], grid.cols.spans[col + 1]
    seam = (right.first + left.last) // 2
    middle = min(max((seam - tile // 2) // stride * stride, left.start), right.start)

    def scores(start: int) -> NDArray[np.float32]:
        return np.asarray(predictor(read_tiles(reading, top, start))[0])

    # Weights are those of the run, so what is compared is what the run would write.
    blended = np.zeros((len(predictor.spec.classes), grid.rows.tile, right.last - left.first))
    for span in (left, right):
        place = slice(span.first - left.first, span.last - left.first)
        blended[:, :, place] += scores(span.start)[:, :, span.low : span.high] * span.weights
    around = slice(max(middle + tile // 4, left.first), min(middle + 3 * tile // 4, right.last))
    whole = scores(middle)[:, :, around.start - middle : around.stop - middle]
    mine = blended[:, :, around.start - left.first : around.stop - left.first]
    changed: NDArray[np.bool_] = mine.argmax(axis=0) != whole.argmax(axis=0)
    return changed
