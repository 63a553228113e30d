from __future__ import annotations

from typing import get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tilesegm.engine.overlap_add import OverlapAdd
from tilesegm.grid.axis import Axis, plan_axis
from tilesegm.grid.tiling import Blend


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    size = draw(st.integers(1, 50))
    tile = draw(st.integers(1, size))
    overlap = draw(st.integers(0, tile - 1))
    blend = draw(st.sampled_from(get_args(Blend)))
    margin = overlap // 2 if blend == "crop" else draw(st.integers(0, overlap // 2))
    return plan_axis(size, tile, overlap, margin=margin, blend=blend)


def naive(rows: Axis, cols: Axis, tiles: np.ndarray) -> np.ndarray:
    """Add weighted tiles up over the whole image, in float64."""
    total = np.zeros((tiles.shape[2], rows.spans[-1].last, cols.spans[-1].last))
    for i, row in enumerate(rows.spans):
        for j, col in enumerate(cols.spans):
            part = tiles[i, j, :, row.low : row.high, col.low : col.high].astype(float)
            weights = np.outer(row.weights, col.weights)
            total[:, row.first : row.last, col.first : col.last] += part * weights
    return total[:, : rows.size, : cols.size]


@settings(deadline=None, max_examples=150)
@given(axes(), axes(), st.integers(1, 3), st.data())
def test_streamed_sums_equal_sums_over_the_whole_image(
    rows: Axis, cols: Axis, classes: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, cols.size - 1))
    right = data.draw(st.integers(left + 1, cols.size))
    rng = np.random.default_rng(0)
    shape = (len(rows.spans), len(cols.spans), classes, rows.tile, cols.tile)
    tiles = rng.normal(size=shape).astype(np.float32)
    # A skipped tile counts as zeros: none of its pixels is looked at.
    skipped = rng.random(shape[:2]) < data.draw(st.sampled_from([0, 0.4]))
    expected = naive(rows, cols, np.where(skipped[:, :, None, None, None], 0, tiles))

    blend = OverlapAdd(rows, cols, classes=classes, left=left, right=right)
    found = np.zeros((classes, rows.size, cols.size))
    times = np.zeros((rows.size, cols.size), int)
    for i, row in enumerate(rows.spans):
        for j in cols.cover(left, right):
            finished = blend.add(i, j, None if skipped[i, j] else tiles[i, j].copy())
            if finished is not None:
                first, scores = finished
                place = np.s_[
                    row.first : row.first + scores.shape[1], first : first + scores.shape[2]
                ]
                found[:, *place] = scores
                times[place] += 1
        blend.end_row()
    assert times.max() <= 1
    assert not times[:, :left].any()
    assert not times[:, right:].any()
    if not skipped.any():
        assert (times[:, left:right] == 1).all()
    np.testing.assert_allclose(found[..., left:right], expected[..., left:right], atol=1e-5)
