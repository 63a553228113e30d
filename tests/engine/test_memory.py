from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tilesegm.engine.memory import PROCESS, STREAM, Needs, fit
from tilesegm.grid.tiles import Footprint, plan_grid
from tilesegm.grid.tiling import Tiling
from tilesegm.sink.layer import Layer
from tilesegm.source.base import ImageInfo

CLASSES = Layer("classes", np.dtype("uint8"), nodata=255, overview="mode")


def needs(
    height: int = 40_000, width: int = 40_000, tile: int = 512, overlap: int = 64, bands: int = 3
) -> Needs:
    info = ImageInfo("image", "GTiff", height, width, bands, np.dtype("uint8"), (512, 512))
    return Needs(
        info=info,
        grid=plan_grid(height, width, Tiling(tile=tile, overlap=overlap), Footprint()),
        layers=(CLASSES,),
        classes=5,
        network_bytes=1000,
        chunk=1024,
        cache=64 << 20,
    )


def test_a_column_by_hand() -> None:
    # Overlap 64, margin 24: tiles share 16 rows that count. The last, moved back, shares the same.
    strip = (512 + 2 * 512) * 3
    carried = 2 * 16 * 5 * 4
    results = 3 * 512 + 2 * 1024
    assert needs().column_bytes == strip + carried + results


def test_a_batch_by_hand() -> None:
    pixels = 2 * 512 * 512
    assert needs().batch_bytes(2) == pixels * (4 * 3 + 3 * 4 * 5 + 1000)


def test_masks_cost_a_byte_a_pixel() -> None:
    plain = needs()
    masked = replace(plain, info=replace(plain.info, masked=True))
    assert masked.column_bytes - plain.column_bytes == 512 + 2 * 512


def test_the_peak_is_the_sum_of_its_parts() -> None:
    plan = fit(needs())
    assert plan.peak == PROCESS + plan.stream + plan.batches + plan.cache


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 1_000_000), st.integers(1, 1_000_000))
def test_however_large_the_image_its_rows_stay_small(height: int, width: int) -> None:
    assert fit(needs(height, width)).stream <= STREAM


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 60_000),
    width=st.integers(1, 60_000),
    tile=st.sampled_from([64, 512, 2048]),
    bands=st.integers(1, 12),
    budget=st.one_of(st.none(), st.integers(1, 16_000_000_000)),
)
def test_a_plan_fits_or_is_the_smallest_there_is(
    height: int, width: int, tile: int, bands: int, budget: int | None
) -> None:
    asked = needs(height, width, tile, tile // 8, bands)
    plan = fit(asked, budget)
    assert plan.panel % 1024 == 0
    assert 0 < plan.panel < width + 1024
    assert 1 <= plan.batch <= len(asked.grid.cols.spans)
    if budget is not None and plan.peak > budget:
        assert plan.batch == 1
        assert plan.panel == 1024
    # At most one place in fifty of a row's batches is empty.
    tiles = len(asked.grid.cols.spans)
    assert -(-tiles // plan.batch) * plan.batch - tiles <= tiles / 50


@settings(deadline=None, max_examples=30)
@given(st.integers(500_000_000, 16_000_000_000), st.integers(0, 16_000_000_000))
def test_more_memory_never_makes_narrower_panels(budget: int, more: int) -> None:
    asked = needs()
    assert fit(asked, budget + more).panel >= fit(asked, budget).panel
