"""All counts of a window, and of an image as their sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.metrics.bands import BandCounts, count_bands, count_depths
from tilesegm.metrics.calibration import ConfidenceCounts, ScoreCounts
from tilesegm.metrics.confusion import Scores, count_pairs
from tilesegm.metrics.counts import AccuracyByBin, Counts
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.objects import ObjectCounts
from tilesegm.metrics.pair import WindowPair
from tilesegm.metrics.skeleton import SkeletonCounts, count_skeletons
from tilesegm.metrics.surfaces import SurfaceCounts, count_surfaces

__all__ = ["Block", "MapCounts", "count_blocks", "count_measures"]


@dataclass(frozen=True)
class MapCounts(Counts):
    """Counts of a window, an image or several; None where something was not measured."""

    confusion: NDArray[np.int64]
    """``(K, K + 1)``; see `count_pairs`."""
    bands: BandCounts | None = None
    depths: AccuracyByBin | None = None
    """By distance from the nearest border of the truth; bins end at `DEPTHS`."""
    surfaces: SurfaceCounts | None = None
    skeletons: SkeletonCounts | None = None
    objects: ObjectCounts | None = None
    seams: AccuracyByBin | None = None
    """By distance from the nearest seam; bins end at `SEAM_DISTANCES`."""
    confidence: ConfidenceCounts | None = None
    score_histograms: ScoreCounts | None = None

    @property
    def class_scores(self) -> Scores:
        """Scores of the confusion matrix."""
        return Scores(self.confusion)


@dataclass(frozen=True)
class Block:
    """Counts of a square of an image, kept to be resampled and to find the worst places."""

    row: int
    """First row in pixels."""
    col: int
    confusion: NDArray[np.int64]
    """``(K, K + 1)``."""


def count_measures(
    pair: WindowPair, measures: Measures, confusion: NDArray[np.int64] | None = None
) -> MapCounts:
    """Count what needs ids alone; the halo of ``pair`` must be that of ``measures``.

    Args:
        pair: truth and prediction of a window.
        measures: what to count. Objects reach beyond windows and are not counted here.
        confusion: counts of the window where they are known already.
    """
    if confusion is None:
        core = pair.core
        confusion = count_pairs(core.truth, core.predicted, pair.classes)
    skeletons = count_skeletons(pair, measures.thin, measures.rounds) if measures.thin else None
    if not measures.borders:
        return MapCounts(confusion, skeletons=skeletons)
    return MapCounts(
        confusion,
        bands=count_bands(pair, measures.band),
        depths=count_depths(pair),
        surfaces=count_surfaces(pair, measures.cap),
        skeletons=skeletons,
    )


def count_blocks(pair: WindowPair, row: int, col: int, side: int) -> Iterator[Block]:
    """Count confusion by blocks of ``side`` pixels; the window begins at ``row``, ``col``."""
    core = pair.core
    for block in Window(row, col, *core.truth.shape).tiles(side):
        part = block.shift(-row, -col).slices
        counts = count_pairs(core.truth[part], core.predicted[part], pair.classes)
        if counts.any():
            yield Block(block.row, block.col, counts)
