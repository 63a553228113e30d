"""Runs of regions for workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tilesegm as ts
from tests.images import GEO, write
from tilesegm.engine.plan import Plan
from tilesegm.engine.sharing import cut_runs, share


def planned(height: int, width: int = 100, tile: int = 512) -> Plan:
    """Plan an image without overlap: a region of 1024 rows has two rows of tiles of 512."""
    image = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (height, width, 1))
    tiling = ts.Tiling(tile=tile, overlap=0)
    return ts.plan(image, _two, tiling=tiling, probe=False).plan


def _two(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels, pixels], -1)


@pytest.mark.parametrize(
    ("regions", "workers", "length", "runs"),
    [
        (6, 2, 3, 2),  # three for each
        (1, 4, 1, 1),
    ],
)
def test_runs_end_at_about_the_same_time(
    regions: int, workers: int, length: int, runs: int
) -> None:
    # Tiles of 1200 rows: each region but the first begins inside a tile, which is computed again.
    sharing = share(planned(1024 * regions, tile=1200), workers)
    assert (sharing.runs, sharing.regions) == (runs, length)


def test_nothing_is_repeated_where_tiles_end_with_regions() -> None:
    plan = planned(1024 * 8)
    sharing = share(plan, 4)
    assert sharing.redundancy == plan.redundancy
    assert sharing.speedup == 4
    assert sharing.busy == 1
    assert sharing.regions == 1  # as good as two, and workers need not be equally fast
    many = share(planned(1024 * 160), 4)
    assert (many.regions, many.runs) == (5, 32)  # eight for each worker


def test_the_row_of_tiles_at_the_upper_edge_is_counted_again() -> None:
    # Rows of tiles start at 0, 1200, 2400, 2896 (moved back); regions at 0, 1024, 2048, 3072.
    plan = planned(4096, tile=1200)
    sharing = share(plan, 2)
    assert sharing.regions == 2
    # Rows 0 to 2047 lie in tiles 0 and 1, rows 2048 to 4095 in tiles 1, 2 and 3.
    assert sharing.redundancy / plan.redundancy == pytest.approx(5 / 4)
    assert sharing.speedup == pytest.approx(4 / 3)
    assert sharing.busy == pytest.approx(5 / 6)


def test_runs_leave_out_what_is_finished() -> None:
    panels = planned(1024 * 7).panels
    runs = cut_runs(panels, {2}, 2)
    assert [[region.number for region in run] for run in runs] == [[0, 1], [3, 4], [5, 6]]


def test_tiles_are_counted_where_results_have_the_pixels_of_the_image(tmp_path: Path) -> None:
    """2048 x 100 pixels of 10 m are seen as 1024 x 50 of 20 m: two rows of tiles of 512."""
    path = write(tmp_path / "image.tif", np.zeros((2048, 100, 1), np.uint8), **GEO)
    options = ts.Options(resolution="20.0m", grid="image")
    tiling = ts.Tiling(tile=512, overlap=0)
    plan = ts.plan(path, _two, tiling=tiling, options=options, probe=False).plan
    assert (plan.tiles, sum(map(len, plan.panels))) == (2, 2)
    alone = share(plan, 1)
    assert (alone.runs, alone.redundancy) == (1, plan.redundancy)
    # The kernel between the grids reaches a row over the border of the two regions.
    assert share(plan, 2).redundancy == 2 * plan.redundancy
