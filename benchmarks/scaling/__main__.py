"""The cost of a run on workers: measured, checked on two workers, and drawn to a thousand.

python -m benchmarks.scaling
python -m benchmarks.scaling --size 8192 --suffix .zarr --draw scaling.png
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import fields, replace
from pathlib import Path

from benchmarks.scaling.cost import RunTime, UnitCosts, Work, run_time
from benchmarks.scaling.measure import (
    make_image,
    measure_costs,
    on_cores,
    save_network,
    segment_timed,
)
from tilesegm.cluster.cluster import Cluster
from tilesegm.engine.plan import Plan, make_plan

WORKERS = (1, 10, 100, 1000)
SIDE = 1_000_000
"""Pixels of a side of the giant image: 10^12 in all."""


def main() -> None:
    """Measure, check and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="side of the image")
    parser.add_argument("--filters", type=int, default=16, help="filters of the first level")
    parser.add_argument("--suffix", default=".tif", choices=[".tif", ".zarr"])
    parser.add_argument("--draw", type=Path, help="picture of the times on up to 1000 workers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = save_network(folder / "network.keras", options.filters)
        costs = measure_costs(folder, model, options.size // 2, options.size, options.suffix)
        for field in fields(costs):
            print(f"{field.name:8}{1000 * getattr(costs, field.name):12.2f} ms")
        plan = check(folder, model, options.size, options.suffix, costs)
    times = [(workers, giant_time(plan, workers, costs)) for workers in WORKERS]
    print(f"\n{SIDE} x {SIDE} px\nworkers  start  workers    client    finish     total (s)  bound")
    for workers, one in times:
        print(
            f"{workers:7}{one.start:7.0f}{one.workers:10.0f}{one.client:10.0f}{one.finish:10.0f}"
            f"{one.total:14.0f}  {one.bound}"
        )
    if options.draw is not None:
        draw(options.draw, plan, costs)


def check(folder: Path, model: Path, size: int, suffix: str, costs: UnitCosts) -> Plan:
    """Print what the model says beside what runs on one and two workers, each of one core, take."""
    image = make_image(folder / "checked.tif", size, size)
    print("\nworkers  model  measured (s)")
    for workers in (1, 2):
        with on_cores(workers):
            lap = segment_timed(image, model, suffix, Cluster(workers=workers))
        assert lap.plan is not None
        said = run_time(Work.of(lap.plan, workers), costs)
        print(f"{workers:7}{said.total:7.1f}{lap.ended:10.1f}")
    return lap.plan


def giant_time(plan: Plan, workers: int, costs: UnitCosts) -> RunTime:
    """Return what the giant image takes with the network and tiling of a plan."""
    info = replace(plan.info, height=SIDE, width=SIDE)
    giant = make_plan(
        info, plan.spec, tiling=plan.tiling, decision=plan.decision, cache=plan.memory.cache
    )
    return run_time(Work.of(giant, workers), costs)


def draw(path: Path, plan: Plan, costs: UnitCosts) -> None:
    """Draw hours against workers, and the parts that do not shrink."""
    import matplotlib.pyplot as plt

    counts = sorted({round(10 ** (step / 4)) for step in range(13)})
    times = [giant_time(plan, workers, costs) for workers in counts]
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name in ("workers", "client", "finish", "total"):
        hours = [getattr(one, name) / 3600 for one in times]
        axes.loglog(counts, hours, label=name, linewidth=3 if name == "total" else 1.5)
    axes.set(xlabel="workers", ylabel="hours", title="10¹² pixels, by the model of cost")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
