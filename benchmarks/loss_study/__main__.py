"""What each loss does to a segmentation, measured.

    python -m benchmarks.loss_study run DATA --out FOLDER [--data drive] [--seeds 0] [--part 1/2]
    python -m benchmarks.loss_study show FOLDER [--plots FOLDER --root DATA]

``run`` trains what is missing in FOLDER, a row a run; call it again after an interruption, and
side by side with other parts. ``show`` prints the tables, and draws plots with `matplotlib`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def main() -> None:
    """Run what is missing, or show what there is."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loss_study", description=(__doc__ or "").splitlines()[0]
    )
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="train and score what is missing")
    run.add_argument("root", type=Path, help="folder that holds drive, isbi2012, dsb2018, dubai")
    run.add_argument("--out", type=Path, required=True, help="folder of the results")
    run.add_argument("--data", nargs="+", default=["drive", "isbi2012", "dsb2018", "dubai"])
    run.add_argument("--losses", nargs="+", help="all when left out")
    run.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    run.add_argument("--part", default="1/1", help="such as 1/2: every other of all runs")
    run.set_defaults(command=_run)
    show = commands.add_parser("show", help="print tables and draw plots")
    show.add_argument("folder", type=Path)
    show.add_argument("--plots", type=Path, help="folder for plots")
    show.add_argument("--root", type=Path, help="as of run; for pictures of borders")
    show.set_defaults(command=_show)
    chosen = parser.parse_args()
    chosen.command(chosen)


def _run(chosen: argparse.Namespace) -> None:
    # A core a process: small steps gain little from a second one, and another process gains all.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from .protocol import cases
    from .rows import add_rows, read_runs
    from .run import Study

    number, parts = map(int, chosen.part.split("/"))
    chosen.out.mkdir(parents=True, exist_ok=True)
    wanted = [
        (seed, data, loss)
        for seed in chosen.seeds
        for data in chosen.data
        for loss in cases(data)
        if loss in (chosen.losses or cases(data))
    ]
    done = {(row.seed, row.data, row.loss) for row in read_runs(chosen.out)}
    studies: dict[str, Study] = {}
    for seed, data, loss in wanted[number - 1 :: parts]:
        if (seed, data, loss) in done:
            continue
        if data not in studies:
            studies[data] = Study(data, chosen.root, chosen.out)
        row, images = studies[data].run(loss, seed)
        add_rows(chosen.out, row, images)
        print(row, flush=True)
    for study in studies.values():
        study.close()


def _show(chosen: argparse.Namespace) -> None:
    from .tables import print_tables

    print_tables(chosen.folder)
    if chosen.plots is None:
        return
    from .pictures import draw_borders, draw_gains

    chosen.plots.mkdir(parents=True, exist_ok=True)
    draw_gains(chosen.folder, chosen.plots / "loss_study_gains.png")
    for data in ("drive", "isbi2012", "dsb2018") if chosen.root else ():
        if (chosen.folder / f"{data}-ce.npz").exists():
            target = chosen.plots / f"loss_study_{data}.png"
            draw_borders(chosen.folder, chosen.root, data, target)


if __name__ == "__main__":
    main()
