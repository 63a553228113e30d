"""How much a split flatters the score: held-out pixels beside a test set that no split touches.

    python benchmarks/split_study.py DATA --out study.csv [--only isbi2012/range]

Each run trains a small U-Net under one split and scores it twice: on the pixels that this split
holds out, which is what a user would report, and on images that are far from all training pixels.
The first minus the second is the gap. Run ``k`` has seed ``k`` and holds out fold ``k`` of three:
under any strategy three runs hold out the very same pixels, each once.

* ISBI-2012: slices 0 to 19 are split, 20 and 21 left out, 22 to 29 the test.
* Dubai: tiles 1 to 5 are split, parts 4 and 5 of tile 7 the test.

Finished runs are rows of the CSV file; the same call goes on with those that are missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import (
    AugmentationSettings,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SceneSettings,
    SplitSettings,
)
from tilesegm.metrics.confusion import Scores
from tilesegm.networks.settings import ModelSettings
from tilesegm.training.settings.config import (
    OptimizerSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)

FOLDS, SIZE, BATCH = 3, 128, 4
STEPS = {"isbi2012": 1200, "dubai": 400}
SLICE, MASK = "isbi2012/image/{slice:%s}.png", "isbi2012/label/{slice}.png"
TILE = "dubai/tile_{tile:%s}/images/image_part_{part:%s}.jpg"
COLOURS = "dubai/tile_{tile}/masks/image_part_{part}.png"
DATA = {
    "isbi2012": DataSettings(
        (
            SceneSettings(SLICE % "[0-9]", MASK),
            SceneSettings(SLICE % "1[0-9]", MASK),
            SceneSettings(SLICE % "2[2-9]", MASK, role="test"),
        ),
        LabelSettings((ClassSettings("membrane", 0), ClassSettings("cell", 255))),
    ),
    "dubai": DataSettings(
        (
            SceneSettings(TILE % ("[1-5]", "*"), COLOURS, group="{tile}"),
            SceneSettings(TILE % ("7", "00[45]"), COLOURS, role="test"),
        ),
        LabelSettings(
            (
                ClassSettings("building", "#3C1098"),
                ClassSettings("land", "#8429F6"),
                ClassSettings("road", "#6EC1E4"),
                ClassSettings("vegetation", "#FEDD3A"),
                ClassSettings("water", "#E2A929"),
            ),
            ignore=("#9B9B9B", "#000000", "#FFFFFF"),
        ),
    ),
}
SPLITS = {
    "isbi2012/random": SplitSettings("random", FOLDS, block=SIZE),
    "isbi2012/blocks": SplitSettings("blocks", FOLDS, block=2 * SIZE),
    "isbi2012/range": SplitSettings("range", FOLDS),
    "dubai/random": SplitSettings("random", FOLDS, block=SIZE),
    "dubai/blocks": SplitSettings("blocks", FOLDS, block=2 * SIZE),
    "dubai/group": SplitSettings("group", FOLDS),
}


@dataclass(frozen=True)
class Row:
    """One finished run; scores are mean IoU in points."""

    case: str
    run: int
    steps: int
    learnt: float
    """Labelled pixels that were learnt from, in millions."""
    held_out: float
    test: float
    processor: float
    """Seconds of all threads."""


def train_once(scenes: Scenes, case: str, run: int, steps: int) -> Row:
    """Train under one split, and score both ways."""
    import keras

    from tilesegm.training.run import train_on

    keras.backend.clear_session()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        config = TrainingConfig(
            DATA[case.split("/")[0]],
            output=folder,
            split=replace(SPLITS[case], fold=run),
            augmentation=AugmentationSettings(flip=False),
            model=ModelSettings(filters=8, depth=3, upsampling="transpose"),
            optimizer=OptimizerSettings(learning_rate=3e-3),
            schedule=ScheduleSettings(epochs=1, steps=steps, batch=BATCH, size=SIZE),
            validation=ValidationSettings(metric="loss", megapixels=0.1),
            seed=run,
        )
        result = train_on(scenes, config)
        learnt = json.loads((Path(folder) / "report.json").read_text())["train_pixels"]
    return Row(
        case,
        run,
        steps,
        learnt=sum(learnt.values()) / 1e6,
        held_out=100 * Scores(np.array(result.validation)).mean_iou,
        test=100 * Scores(np.array(result.test)).mean_iou,
        processor=time.process_time() - began,
    )


def read_rows(path: Path) -> list[Row]:
    """Read what earlier calls have finished."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    return [
        Row(case, int(run), int(steps), *map(float, numbers))
        for case, run, steps, *numbers in lines
    ]


def add_row(path: Path, row: Row) -> None:
    """Append a finished run."""
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Row)])
        if not file.tell():
            table.writeheader()
        table.writerow(asdict(row))


def show(rows: list[Row]) -> None:
    """Print means and deviations over the runs of each split, and how far gaps lie apart."""
    gaps: dict[str, float] = {}
    print("| split | runs | learnt from, Mpx | held out | test | gap |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for case in SPLITS:
        found = [row for row in rows if row.case == case]
        if not found:
            continue
        scores = np.array([(row.held_out, row.test, row.held_out - row.test) for row in found])
        means, deviations = scores.mean(0), scores.std(0, ddof=min(1, len(found) - 1))
        gaps[case] = means[2]
        columns = [f"{mean:.1f} ± {one:.1f}" for mean, one in zip(means, deviations, strict=True)]
        learnt = np.mean([row.learnt for row in found])
        print(f"| `{case}` | {len(found)} | {learnt:.1f} | {' | '.join(columns)} |")
    for case, gap in gaps.items():
        random = f"{case.partition('/')[0]}/random"
        if case != random and random in gaps:
            print(f"{random} flatters by {gaps[random] - gap:.1f} points more than {case}")


def main() -> None:
    """Run what is missing, and print the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds isbi2012 and dubai")
    parser.add_argument("--out", type=Path, required=True, help="CSV file of finished runs")
    parser.add_argument("--runs", type=int, default=FOLDS, choices=range(1, FOLDS + 1))
    parser.add_argument("--steps", type=int, help=f"updates of a run; {STEPS} when left out")
    parser.add_argument("--only", nargs="+", choices=SPLITS, default=list(SPLITS))
    chosen = parser.parse_args()
    steps = {name: chosen.steps or usual for name, usual in STEPS.items()}

    def rows() -> list[Row]:
        found = read_rows(chosen.out)
        return [row for row in found if row.steps == steps[row.case.partition("/")[0]]]

    for name, data in DATA.items():
        wanted = [case for case in chosen.only if case.startswith(name)]
        done = {(row.case, row.run) for row in rows()}
        missing = [
            (case, run) for run in range(chosen.runs) for case in wanted if (case, run) not in done
        ]
        if not missing:
            continue
        scenes = open_scenes(find_scenes(data, chosen.data), data)
        for case, run in missing:
            row = train_once(scenes, case, run, steps[name])
            add_row(chosen.out, row)
            print(row, flush=True)
        scenes.close()
    show(rows())


if __name__ == "__main__":
    main()
