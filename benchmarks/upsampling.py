"""What the way of upsampling does to borders and scores: one network, three ways, three seeds.

    python -m benchmarks.upsampling run DATA --out upsampling.csv [--only dubai/bilinear/0]
    python -m benchmarks.upsampling show upsampling.csv

Everything but ``model.upsampling`` is that of the study of losses: images, roles, network, budget,
and the loss dice + cross-entropy; nuclei are those that ``benchmarks.loss_study prepare`` makes.
Class maps are the likeliest classes of the test images. The third data set is the scene of
``tilesegm demo`` with its training, scored on the eastern half.

An edge between two neighbouring pixels of other classes is a border edge. It belongs to a tooth
when one of the two pixels lies alone between two equal ones, as the pixels of a comb do.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from tilesegm import Options, SegmentedImage, segment, segment_many, train
from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.demo.classes import CLASSES
from tilesegm.demo.run import DEMO_TILING, demo_settings
from tilesegm.demo.scene import RenderedScene, render_scene
from tilesegm.grid.window import Window
from tilesegm.metrics.confusion import Scores, count_confusion

from .loss_study.study import study_config

SEEDS = (0, 1, 2)
WAYS = ("transpose", "nearest", "bilinear")
DEMO_SIZE, DEMO_STEPS = 5120, 240
"""As ``tilesegm demo`` without options."""


@dataclass(frozen=True)
class Row:
    """One finished run on all test images together."""

    data: str
    way: str
    seed: int
    border_edges: int
    tooth_edges: int
    mean_iou: float
    """In points."""
    processor: float
    """Seconds of all threads."""


def count_edges(classes: NDArray[np.uint8]) -> tuple[int, int]:
    """Count border edges and those of teeth, both ways.

    Args:
        classes: ``(H, W)`` ids.
    """
    border = teeth = 0
    for rows in (classes, classes.T):
        border += int((rows[:, 1:] != rows[:, :-1]).sum())
        alone = (rows[:, :-2] == rows[:, 2:]) & (rows[:, 1:-1] != rows[:, 2:])
        edges = np.zeros((len(rows), rows.shape[1] - 1), bool)
        edges[:, :-1] |= alone
        edges[:, 1:] |= alone
        teeth += int(edges.sum())
    return border, teeth


def train_once(data: str, root: Path, way: str, seed: int) -> Row:
    """Train with one way of upsampling, and score the maps of the test images."""
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        config = study_config(
            data,
            root,
            (
                f"output={folder}/run",
                f"seed={seed}",
                'loss.terms=[{"name": "dice_ce"}]',
                f"model.upsampling={way}",
            ),
        )
        bundle = train(config).bundle
        tests = [each for each in find_scenes(config.data, Path()) if each.role == "test"]
        with open_scenes(tests, config.data) as scenes:
            seen = [
                scenes.read(number, Window(0, 0, info.height, info.width))
                for number, info in enumerate(scenes.infos)
            ]
        options = Options(decision="argmax")
        items = segment_many([patch.pixels for patch in seen], bundle, options=options)
    maps = [item.result.classes for item in items if isinstance(item.result, SegmentedImage)]
    edges = np.array([count_edges(classes) for classes in maps]).sum(0)
    classes = len(config.data.labels.classes)
    counts = [
        count_confusion(patch.labels, found, classes)
        for patch, found in zip(seen, maps, strict=True)
    ]
    return Row(
        data,
        way,
        seed,
        border_edges=int(edges[0]),
        tooth_edges=int(edges[1]),
        mean_iou=100 * Scores(sum(counts[1:], counts[0])).mean_iou,
        processor=time.process_time() - began,
    )


def train_demo(scene: RenderedScene, way: str, seed: int) -> Row:
    """Train as the demo does with one way of upsampling, and score the half it never saw."""
    began = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = demo_settings(folder, scene, DEMO_SIZE, seed, DEMO_STEPS)
        config = replace(config, model=replace(config.model, upsampling=way))
        trained = train(config)
        segment(scene.image, trained.bundle, folder / "classes.tif", tiling=DEMO_TILING)
        with rasterio.open(folder / "classes.tif") as made, rasterio.open(scene.labels) as true:
            east = RasterWindow(DEMO_SIZE // 2, 0, DEMO_SIZE - DEMO_SIZE // 2, DEMO_SIZE)
            classes, labels = made.read(1, window=east), true.read(1, window=east)
    border_edges, tooth_edges = count_edges(classes)
    scores = Scores(count_confusion(labels, classes, len(CLASSES)))
    return Row(
        "demo",
        way,
        seed,
        border_edges=border_edges,
        tooth_edges=tooth_edges,
        mean_iou=100 * scores.mean_iou,
        processor=time.process_time() - began,
    )


def run(data: Path, out: Path, only: str) -> None:
    """Train what the file lacks, a row per run."""
    rows = read(out)
    for name in ("dsb2018", "dubai", "demo"):
        cases = [(way, seed) for seed in SEEDS for way in WAYS]
        cases = [case for case in cases if f"{name}/{case[0]}/{case[1]}".startswith(only)]
        cases = [
            case
            for case in cases
            if not any((r.data, r.way, r.seed) == (name, *case) for r in rows)
        ]
        if not cases:
            continue
        train_way = _trainer(name, data, out.parent)
        for way, seed in cases:
            rows.append(train_way(way, seed))
            with out.open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, [field.name for field in fields(Row)])
                table.writeheader()
                table.writerows(asdict(row) for row in rows)
            print(rows[-1], flush=True)


def _trainer(name: str, data: Path, cache: Path) -> Callable[[str, int], Row]:
    if name == "demo":
        return partial(train_demo, render_scene(cache / "demo", size=DEMO_SIZE))
    return partial(train_once, name, data)


def read(out: Path) -> list[Row]:
    """Read finished runs."""
    if not out.exists():
        return []
    with out.open(encoding="utf-8") as file:
        return [
            Row(
                line["data"],
                line["way"],
                int(line["seed"]),
                int(line["border_edges"]),
                int(line["tooth_edges"]),
                float(line["mean_iou"]),
                float(line["processor"]),
            )
            for line in csv.DictReader(file)
        ]


def show(out: Path) -> None:
    """Print means over seeds, and each seed."""
    print("| data | upsampling | tooth edges of border edges | mean IoU | each seed | core s |")
    print("| --- | --- | --- | --- | --- | --- |")
    rows = read(out)
    for data in sorted({row.data for row in rows}):
        for way in WAYS:
            runs = [row for row in rows if (row.data, row.way) == (data, way)]
            if runs:
                teeth, border = (
                    sum(getattr(row, name) for row in runs)
                    for name in ("tooth_edges", "border_edges")
                )
                each = ", ".join(f"{row.mean_iou:.1f}" for row in runs)
                mean = np.mean([row.mean_iou for row in runs])
                seconds = np.mean([row.processor for row in runs])
                print(
                    f"| {data} | `{way}` | {teeth} of {border} ({teeth / border:.0%}) | {mean:.1f} "
                    f"| {each} | {seconds:.0f} |"
                )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("run", help="train what is missing")
    make.add_argument("data", type=Path)
    make.add_argument("--out", type=Path, required=True)
    make.add_argument("--only", default="", help="beginning of DATA/WAY/SEED")
    table = commands.add_parser("show", help="print a table")
    table.add_argument("out", type=Path)
    given = parser.parse_args()
    if given.command == "run":
        run(given.data, given.out, given.only)
    else:
        show(given.out)


if __name__ == "__main__":
    main()
