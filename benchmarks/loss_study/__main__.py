r"""What each loss does to a segmentation: recorded runs, and settings to make more of them.

    DATA=FOLDER tilesegm compare benchmarks/loss_study/settings/drive.yaml \
        --vary loss=@benchmarks/loss_study/settings/losses.yaml --seeds 3 --thin 1 --no-drop
    python -m benchmarks.loss_study prepare DATA
    python -m benchmarks.loss_study show FOLDER [--plots FOLDER]
    python -m benchmarks.loss_study replay FOLDER

``prepare`` writes the grey images that the settings of dsb2018 read. ``show`` prints the tables of
recorded runs, and draws one with `matplotlib`. ``replay`` says what dropping losses early would
have saved in them.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Run what is missing, or show what there is."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loss_study", description=(__doc__ or "").splitlines()[0]
    )
    commands = parser.add_subparsers(required=True)
    made = commands.add_parser("prepare", help="stretch the images of dsb2018")
    made.add_argument("root", type=Path, help="folder that holds dsb2018")
    made.set_defaults(command=_prepare)
    again = commands.add_parser("replay", help="drop losses early in recorded runs")
    again.add_argument("folder", type=Path, help="holds runs.csv and looks.csv")
    again.set_defaults(command=_replay)
    show = commands.add_parser("show", help="print tables and draw a plot")
    show.add_argument("folder", type=Path)
    show.add_argument("--plots", type=Path, help="folder for the plot")
    show.set_defaults(command=_show)
    chosen = parser.parse_args()
    chosen.command(chosen)


def _prepare(chosen: argparse.Namespace) -> None:
    from .prepare import prepare

    prepare(chosen.root)


def _replay(chosen: argparse.Namespace) -> None:
    from .replay import print_replays

    print_replays(chosen.folder)


def _show(chosen: argparse.Namespace) -> None:
    from .budgets import has_budgets, print_budgets
    from .tables import print_tables

    if has_budgets(chosen.folder):
        print_budgets(chosen.folder)
        return
    print_tables(chosen.folder)
    if chosen.plots is None:
        return
    from .pictures import draw_gains

    chosen.plots.mkdir(parents=True, exist_ok=True)
    draw_gains(chosen.folder, chosen.plots / "loss_study_gains.png")


if __name__ == "__main__":
    main()
