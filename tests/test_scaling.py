"""The model of cost of runs on workers: sums by hand, and counts against a plan."""

import numpy as np

import tilesegm as ts
from benchmarks.scaling.cost import UnitCosts, Work, run_time

COSTS = UnitCosts(start=10, tile=0.5, task=0.01, region=0.001, finish=0.003)


def test_parts_add_up() -> None:
    work = Work(megapixels=1000, tiles=400, longest=100, tasks=20, regions=300)
    time = run_time(work, COSTS)
    assert (time.start, time.workers, time.finish) == (10, 50, 3)
    np.testing.assert_allclose(time.client, 20 * 0.01 + 300 * 0.001)
    np.testing.assert_allclose(time.total, 10 + 50 + 3)
    assert time.bound == "workers"


def test_the_client_counts_where_it_is_slower_than_all_workers() -> None:
    work = Work(megapixels=1, tiles=4, longest=1, tasks=2000, regions=5000)
    time = run_time(work, COSTS)
    assert time.bound == "client"
    np.testing.assert_allclose(time.total, 10 + (20 + 5) + 0.003)


def test_one_worker_computes_the_tiles_of_the_plan() -> None:
    image = np.zeros((4000, 1000, 3), np.uint8)
    plan = ts.plan(image, lambda pixels: pixels, tiling=ts.Tiling(tile=256, overlap=32)).plan
    alone, shared = Work.of(plan, 1), Work.of(plan, 4)
    assert (alone.tiles, alone.longest, alone.tasks) == (plan.tiles, plan.tiles, 1)
    assert (alone.regions, alone.megapixels) == (4, 4)
    # Each of four runs but the first computes the row of tiles that crosses its upper edge again.
    assert shared.tasks == 4
    assert shared.tiles > plan.tiles
    assert plan.tiles / 4 <= shared.longest < plan.tiles / 2
