"""Seams of tiles that are laid again, against the grid that made the map."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tilesegm.grid.tiles import SEAM_DISTANCES, Footprint, TileLayout, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.metrics.pair import make_pair
from tilesegm.metrics.seams import SeamMap, count_seams


@pytest.mark.parametrize("blend", ["hann", "linear", "gaussian", "crop"])
@pytest.mark.parametrize("stride", [1, 16])
def test_seams_lie_where_neighbours_weigh_the_same(blend: str, stride: int) -> None:
    grid = plan_grid(1000, 777, Tiling(256, 64, blend), Footprint(stride=stride))  # type: ignore[arg-type]
    layout = TileLayout(
        tile=grid.tile,
        overlap=grid.overlap,
        margin=grid.margin,
        blend=blend,  # type: ignore[arg-type]
        stride=stride,
    )
    seams = SeamMap.of_layout(layout, 1000, 777)
    for axis, bins in ((grid.rows, seams.rows), (grid.cols, seams.cols)):
        weights = np.zeros((len(axis.spans), axis.spans[-1].start + axis.tile))
        for span, row in zip(axis.spans, weights, strict=True):
            row[span.first : span.last] = span.weights
        owner = weights.argmax(0)[: axis.size]
        changes = np.flatnonzero(np.diff(owner)) + 1.0
        assert len(changes) == len(axis.spans) - 1
        centres = np.arange(axis.size) + 0.5
        distance = np.abs(centres[:, None] - changes).min(1)
        np.testing.assert_array_equal(bins, np.searchsorted(SEAM_DISTANCES, distance))


def test_one_tile_has_no_seam() -> None:
    layout = TileLayout(tile=(512, 512), overlap=64, margin=24, blend="hann")
    seams = SeamMap.of_layout(layout, 300, 200)
    assert {*seams.rows, *seams.cols} == {len(SEAM_DISTANCES)}


def test_counts_by_hand() -> None:
    seams = SeamMap(np.array([0, 1], np.uint8), np.array([2, 0, 6], np.uint8))
    truth = np.array([[0, 0, 1], [1, 255, 1]], np.uint8)
    counts = count_seams(make_pair(truth, np.zeros_like(truth), 2), seams, 0, 0)
    assert counts.all.tolist() == [3, 2, 0, 0, 0, 0, 0]
    assert counts.right.tolist() == [2, 0, 0, 0, 0, 0, 0]


def test_grids_have_pairs_of_neighbours() -> None:
    grid = plan_grid(600, 600, Tiling(256, 64), Footprint())
    assert all(late.first < early.last for early, late in pairwise(grid.rows.spans))
