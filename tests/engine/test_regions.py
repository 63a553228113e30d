from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.engine.regions import pending_runs, plan_regions
from tilesegm.grid.window import Window


def test_regions_by_hand() -> None:
    left, right = plan_regions(20, 50, chunk=16, panel=32)
    assert [region.window for region in left] == [Window(0, 0, 16, 32), Window(16, 0, 4, 32)]
    assert [region.window for region in right] == [Window(0, 32, 16, 18), Window(16, 32, 4, 18)]
    assert [region.number for region in (*left, *right)] == [0, 1, 2, 3]


@given(
    height=st.integers(1, 99),
    width=st.integers(1, 99),
    chunk=st.integers(1, 40),
    panel=st.integers(1, 4),
    data=st.data(),
)
def test_runs_are_neighbours_and_hold_each_pending_region_once(
    height: int, width: int, chunk: int, panel: int, data: st.DataObject
) -> None:
    panels = plan_regions(height, width, chunk, panel * chunk)
    regions = [region for column in panels for region in column]
    assert [region.number for region in regions] == list(range(len(regions)))
    seen = np.zeros((height, width), int)
    for region in regions:
        seen[region.window.slices] += 1
        assert region.window.row % chunk == region.window.col % chunk == 0
    assert (seen == 1).all()

    done = data.draw(st.sets(st.sampled_from(range(len(regions)))))
    runs = list(pending_runs(panels, done))
    pending = [region.number for run in runs for region in run]
    assert pending == sorted(set(range(len(regions))) - done)
    for run in runs:
        for above, below in pairwise(run):
            assert below.window.row == above.window.stop_row
            assert below.window.col == above.window.col
    # As few runs as can be: two of them never touch.
    ends = {(run[-1].window.stop_row, run[-1].window.col) for run in runs}
    assert not ends & {(run[0].window.row, run[0].window.col) for run in runs}
