"""Tiles that are laid again from the numbers of a finished map."""

from __future__ import annotations

import numpy as np
import pytest

from tilesegm.grid.tiles import Footprint, TileLayout, plan_grid
from tilesegm.grid.tiling import Tiling


@pytest.mark.parametrize("size", [(1000, 777), (300, 90), (5, 2000)])
@pytest.mark.parametrize("network", [Footprint(stride=16), Footprint(tile=(128, 256))])
def test_a_layout_gives_the_tiles_of_the_run(size: tuple[int, int], network: Footprint) -> None:
    grid = plan_grid(*size, Tiling(256, 64), network)
    layout = TileLayout(
        tile=grid.tile,
        overlap=grid.overlap,
        margin=grid.margin,
        blend="hann",
        stride=network.stride,
    )
    for again, axis in zip(layout.axes(*size), (grid.rows, grid.cols), strict=True):
        assert (again.size, again.tile, len(again.spans)) == (axis.size, axis.tile, len(axis.spans))
        for span, other in zip(again.spans, axis.spans, strict=True):
            assert (span.start, span.low, span.high) == (other.start, other.low, other.high)
            np.testing.assert_array_equal(span.weights, other.weights)


def test_seams_lie_in_the_middle_of_the_pixels_that_neighbours_share() -> None:
    rows, cols = TileLayout(tile=(40, 60), overlap=20, margin=10, blend="crop").axes(40, 100)
    assert rows.seams.tolist() == []
    assert cols.seams.tolist() == [50.0]
