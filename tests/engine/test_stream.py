from __future__ import annotations

import threading
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.jobs import (
    Cut,
    Network,
    assemble,
    coordinates,
    make_job,
    place_image,
    run_whole,
)
from tilesegm.engine.regions import pending_runs, plan_regions
from tilesegm.engine.stream import stream
from tilesegm.errors import ModelError
from tilesegm.grid.tiling import Blend, Tiling


@st.composite
def cuts(draw: st.DrawFn, stride: int = 1) -> Cut:
    tile = stride * draw(st.integers(1, 40 // stride))
    overlap = draw(st.integers(0, tile - 1)) // stride * stride
    chunk = draw(st.sampled_from([4, 8, 16, 64]))
    return Cut(
        Tiling(tile=tile, overlap=overlap, blend=draw(st.sampled_from(get_args(Blend)))),
        batch=draw(st.integers(1, 5)),
        chunk=chunk,
        panel=chunk * draw(st.integers(1, 4)),
    )


sides = st.integers(1, 70)


@settings(deadline=None, max_examples=150)
@given(height=sides, width=sides, stride=st.sampled_from([1, 2, 8]), data=st.data())
def test_nothing_is_shifted(height: int, width: int, stride: int, data: st.DataObject) -> None:
    cut = data.draw(cuts(stride))
    job = make_job(place_image(height, width), coordinates(stride), cut)
    scores = assemble(run_whole(job, cut), "scores")
    rows, cols = np.mgrid[:height, :width]
    np.testing.assert_allclose(scores[0], rows, atol=1e-4)
    np.testing.assert_allclose(scores[1], cols, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(height=sides, width=sides, cut=cuts())
def test_a_constant_stays_constant(height: int, width: int, cut: Cut) -> None:
    constant = np.float32([0.125, 1, 3])
    network = Network(
        lambda tiles: np.broadcast_to(
            constant[:, None, None], (len(tiles), 3, *tiles.shape[1:3])
        ).copy(),
        classes=3,
    )
    job = make_job(np.zeros((height, width), np.uint8), network, cut)
    finished = run_whole(job, cut)
    scores = assemble(finished, "scores")
    np.testing.assert_allclose(scores, np.broadcast_to(constant[:, None, None], scores.shape), 1e-6)
    assert (assemble(finished, "classes") == 2).all()


@settings(deadline=None, max_examples=60)
@given(height=sides, width=sides, cut=cuts(), seed=st.integers(0, 99))
def test_an_identity_network_gives_the_image_back(
    height: int, width: int, cut: Cut, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 7, (height, width), np.uint8)
    network = Network(
        lambda tiles: tiles[:, None, :, :, 0] == np.arange(7)[:, None, None], classes=7
    )
    job = make_job(image, network, cut)
    np.testing.assert_array_equal(assemble(run_whole(job, cut), "classes"), image)


def mixing(seed: int = 0) -> Network:
    """Scores that depend on the whole tile and on all tiles computed beside it.

    The network a resumed run has most to fear: any other cut of the image changes every pixel.
    """
    weights = np.random.default_rng(seed).normal(size=(3, 2)).astype(np.float32)

    def function(tiles: np.ndarray) -> np.ndarray:
        context = tiles.mean(axis=(1, 2), keepdims=True) + tiles.std()
        return np.moveaxis((tiles + np.float32(context)) @ weights.T, 3, 1)

    return Network(function, classes=3)


@settings(deadline=None, max_examples=40)
@given(height=sides, width=sides, cut=cuts(), data=st.data())
def test_results_are_the_same_bytes_wherever_a_run_begins(
    height: int, width: int, cut: Cut, data: st.DataObject
) -> None:
    image = np.random.default_rng(0).normal(size=(height, width, 2)).astype(np.float32)
    job = make_job(image, mixing(), cut)
    whole = {one.region.number: one.results for one in run_whole(job, cut)}
    panels = plan_regions(height, width, cut.chunk, cut.panel)
    done = data.draw(st.sets(st.sampled_from(sorted(whole))))
    again = [one for run in pending_runs(panels, done) for one in stream(job, run)]
    assert {one.region.number for one in again} == set(whole) - done
    for one in again:
        for name, values in one.results.items():
            assert values.tobytes() == whole[one.region.number][name].tobytes()


@settings(deadline=None, max_examples=40)
@given(height=sides, width=sides, cut=cuts())
def test_all_batches_have_one_shape_and_each_tile_is_computed_once_a_panel(
    height: int, width: int, cut: Cut
) -> None:
    network = coordinates()
    job = make_job(place_image(height, width), network, cut)
    panels = plan_regions(height, width, cut.chunk, cut.panel)
    grid = job.reading.grid
    for panel in panels:
        network.shapes.clear()
        finished = list(stream(job, panel))
        window = panel[0].window
        cols = len(grid.cols.cover(window.col, window.stop_col))
        assert sum(one.computed for one in finished) == cols * len(grid.rows.spans)
        assert sum(one.skipped for one in finished) == 0
        assert set(network.shapes) == {(cut.batch, *grid.tile, 2)}
        assert len(network.shapes) == -(-cols // cut.batch) * len(grid.rows.spans)


def test_a_network_that_gives_read_only_scores_is_served() -> None:
    def function(tiles: np.ndarray) -> np.ndarray:
        scores = tiles.transpose(0, 3, 1, 2).copy()
        scores.setflags(write=False)
        return scores

    cut = Cut(Tiling(tile=16, overlap=6), batch=2)
    job = make_job(place_image(40, 50), Network(function, classes=2), cut)
    rows, _ = np.mgrid[:40, :50]
    np.testing.assert_allclose(assemble(run_whole(job, cut), "scores")[0], rows, atol=1e-4)


def test_infinities_of_both_signs_are_refused_without_a_warning() -> None:
    def function(tiles: np.ndarray) -> np.ndarray:
        scores = np.full((len(tiles), 2, *tiles.shape[1:3]), np.inf)
        scores[:, 1] = -np.inf
        return scores

    cut = Cut(Tiling(tile=16, overlap=0))
    job = make_job(place_image(20, 20), Network(function, classes=2), cut)
    with pytest.raises(ModelError, match="NaN or infinite"):
        run_whole(job, cut)


def test_large_scores_that_are_numbers_pass() -> None:
    cut = Cut(Tiling(tile=16, overlap=0))
    network = Network(lambda tiles: tiles.transpose(0, 3, 1, 2) * 1e37, classes=2)
    rows, cols = np.mgrid[:20, :20]
    found = assemble(run_whole(make_job(place_image(20, 20), network, cut), cut), "classes")
    np.testing.assert_array_equal(found, cols > rows)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused_with_their_place(bad: float) -> None:
    def function(tiles: np.ndarray) -> np.ndarray:
        scores = tiles.transpose(0, 3, 1, 2).copy()
        scores[:, 1][(tiles[..., 0] == 20) & (tiles[..., 1] == 33)] = bad
        return scores

    cut = Cut(Tiling(tile=16, overlap=0), batch=2, chunk=64, panel=64)
    job = make_job(place_image(40, 50), Network(function, classes=2), cut)
    with pytest.raises(ModelError, match=r"\(1 of 512 in the tile at row 16, column 32\)"):
        run_whole(job, cut)


def test_a_failure_stops_all_threads() -> None:
    def function(tiles: np.ndarray) -> np.ndarray:
        raise ModelError("no more")

    before = threading.active_count()
    cut = Cut(Tiling(tile=8, overlap=0))
    job = make_job(place_image(40, 50), Network(function, classes=2), cut)
    with pytest.raises(ModelError, match="no more"):
        run_whole(job, cut)
    assert threading.active_count() == before


def test_a_run_that_is_left_early_stops_all_threads() -> None:
    before = threading.active_count()
    cut = Cut(Tiling(tile=8, overlap=0), chunk=8, panel=64)
    job = make_job(place_image(400, 50), coordinates(), cut)
    (panel,) = plan_regions(400, 50, cut.chunk, cut.panel)
    running = stream(job, panel)
    next(running)
    running.close()
    assert threading.active_count() == before
