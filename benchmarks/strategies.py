"""What strategies over time, place and scale bring: each beside its plain counterpart.

    python -m benchmarks.strategies run DATA --out FOLDER [--cases NAME ...] [--seeds 0 1 2]
    python -m benchmarks.strategies show FOLDER

The settings are those of `benchmarks.loss_study`: 400 steps of 4 windows of 96 x 96, 8 filters,
depth 3; nuclei are those that ``benchmarks.loss_study prepare`` makes. ``run`` trains what is
missing in FOLDER and scores it as `tilesegm compare` does, a row a run; ``show`` prints the pairs.
A comparison itself cannot vary weights of scenes and ways of predicting.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tilesegm.comparison.look import Look

    from .loss_study.rows import ImageRow, RunRow


@dataclass(frozen=True)
class Case:
    """A strategy on a data set, and what it is compared with."""

    data: str
    plain: str | None = None
    """Name of the plain counterpart; None for one of these."""
    changes: tuple[str, ...] = ()
    """What differs from cross-entropy by the settings of the study, ``key.path=value`` each."""
    augment: tuple[str | float, ...] = ()
    """Test-time augmentation of the network of the plain counterpart."""


_BOUNDARY = "loss.terms=[{name: cross_entropy}, {name: boundary, radius: 16}]"
_TOP_LATER = "loss.terms=[{name: cross_entropy}, {name: topk}]"
_FOLLOW_TRAINING = "loss.adaptive_classes={follow: training}"
_FOLLOW_VALIDATION = ("loss.adaptive_classes={follow: validation}", "validation.every=1")


def _drive(*changes: str) -> Case:
    return Case("drive", "drive", changes)


def _nuclei(*changes: str, augment: tuple[str | float, ...] = ()) -> Case:
    return Case("dsb2018", "nuclei", changes, augment)


CASES = {
    "drive": Case("drive"),
    "drive boundary": _drive(_BOUNDARY),
    "drive boundary later": _drive(_BOUNDARY, "loss.weighting={name: later}"),
    "drive hard": _drive("loss.hard_pixels={}"),
    "drive hard at once": _drive("loss.hard_pixels={warm_up: 0}"),
    "drive top_k": _drive("loss.terms=[{name: topk}]"),
    "drive top_k later": _drive(_TOP_LATER, "loss.weighting={name: later, rest: 0}"),
    "drive follow training": _drive(_FOLLOW_TRAINING),
    "drive follow validation": _drive(*_FOLLOW_VALIDATION),
    "drive thin weights": _drive(),
    "dubai": Case("dubai"),
    "dubai follow training": Case("dubai", "dubai", (_FOLLOW_TRAINING,)),
    "dubai follow validation": Case("dubai", "dubai", _FOLLOW_VALIDATION),
    "stained": Case("dsb2018"),
    "stained weight": Case("dsb2018", "stained"),
    "nuclei": Case("dsb2018"),
    "nuclei predict scales": _nuclei(augment=("scales",)),
    "nuclei predict flips": _nuclei(augment=("flips",)),
    "nuclei aspp": _nuclei("model.aspp=[2, 4, 6]"),
    "nuclei train scale 0": _nuclei("augmentation.scale=0"),
    "nuclei train scale 0.5": _nuclei("augmentation.scale=0.5"),
}


def main() -> None:
    """Run what is missing, or show what there is."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.strategies", description=(__doc__ or "").splitlines()[0]
    )
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="train and score what is missing")
    run.add_argument("root", type=Path, help="folder that holds drive, dsb2018, dubai")
    run.add_argument("--out", type=Path, required=True, help="folder of the results")
    run.add_argument("--cases", nargs="+", help="all when left out")
    run.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    run.set_defaults(command=_run)
    show = commands.add_parser("show", help="print the pairs")
    show.add_argument("folder", type=Path)
    show.add_argument("--recorded", type=Path, help="results of the study, for plain counterparts")
    show.set_defaults(command=_show)
    chosen = parser.parse_args()
    chosen.command(chosen)


def _run(chosen: argparse.Namespace) -> None:
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from .loss_study.rows import add_rows, read_runs

    out = chosen.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    done = {(row.seed, row.loss) for row in read_runs(out)}
    for seed in chosen.seeds:
        for name in chosen.cases or CASES:
            if (seed, name) in done:
                continue
            row, images = _train_and_score(name, seed, chosen.root, out)
            add_rows(out, row, images)
            print(row, flush=True)


def _train_and_score(name: str, seed: int, root: Path, out: Path) -> tuple[RunRow, list[ImageRow]]:
    """Train as a case says; a network that is there is used again."""
    import keras

    from tilesegm.comparison.look import take_look
    from tilesegm.comparison.scored_pixels import ScoredPixels
    from tilesegm.metrics.measures import Measures
    from tilesegm.model.open import open_model
    from tilesegm.training.run import train
    from tilesegm.training.setup import set_up_aside

    from .loss_study.study import study_config

    began, case = time.process_time(), CASES[name]
    keras.backend.clear_session()
    trained_as = case.plain if case.plain and case.augment else name
    output = out / "runs" / f"{trained_as}-{seed}".replace(" ", "-")
    changes = (f"output={output}", f"seed={seed}", *case.changes, *_data(name, root, out))
    config = study_config(case.data, root, changes)
    bundle = train(config).bundle
    with set_up_aside(config) as setup:
        scored = ScoredPixels(setup.data, config.validation, (config.split.fold,))
        predictor = open_model(bundle, bands=setup.data.scenes.bands, augment=case.augment)
        measures = Measures(band=2, thin=(1,) if case.data == "drive" else ())
        look = take_look(predictor, scored, config.split.fold, measures, last=True)
        names = [
            f"{scored.scenes.infos[unit.scene].name} {unit.window.row},{unit.window.col}"
            for unit in scored.test
        ]
    return _rows(name, seed, look, names, time.process_time() - began)


def _rows(
    name: str, seed: int, look: Look, names: Sequence[str], processor: float
) -> tuple[RunRow, list[ImageRow]]:
    """Return the row of a run, and one of each test image or part of it that was scored."""
    from tilesegm.comparison.measures import MEASURES, scores_of

    from .loss_study.rows import ImageRow, RunRow

    data = CASES[name].data
    whole, held_out = (
        {part: counts.sum(0) for part, counts in parts.items()}
        for parts in (look.test, look.validation)
    )
    scores = {
        key: float(scores_of(whole, measure)) if measure.part in whole else float("nan")
        for key, measure in MEASURES.items()
    }
    right, true, _ = whole["confusion"].sum(-1)
    row = RunRow(
        data=data,
        loss=name,
        seed=seed,
        threshold=0.5 if look.rule.threshold is None else look.rule.threshold,
        validation=float(scores_of(held_out, MEASURES["mean_iou"])),
        accuracy=float(100 * right / true),
        processor=processor,
        **{key: scores[key] for key in RunRow.__annotations__.keys() & scores.keys()},
    )
    by_unit = {key: scores_of(look.test, MEASURES[key]) for key in ("mean_iou", "boundary_iou")}
    images = [
        ImageRow(
            data=data,
            loss=name,
            seed=seed,
            image=image,
            mean_iou=float(by_unit["mean_iou"][number]),
            boundary_iou=float(by_unit["boundary_iou"][number]),
        )
        for number, image in enumerate(names)
    ]
    return row, images


def _data(name: str, root: Path, out: Path) -> tuple[str, ...]:
    """Return the changes of a case whose scenes have weights, or are others."""
    if name == "drive thin weights":
        _weigh_thin_vessels(root, out / "weights")
        # The first two patterns of the settings are what is learnt from.
        return tuple(f"data.scenes.{n}.weights={out}/weights/{{eye}}.tif" for n in (0, 1))
    if name.startswith("stained"):
        weight = 8.0 if name == "stained weight" else None
        return (f"data.scenes={json.dumps(_stained(root, weight))}",)
    return ()


def _weigh_thin_vessels(root: Path, folder: Path) -> None:
    """Write a raster an eye: 4 on vessels that are at most two pixels wide, 1 elsewhere."""
    import numpy as np
    import rasterio
    from scipy import ndimage

    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((root / "drive/training/1st_manual").glob("*.gif")):
        with rasterio.open(path) as file:
            vessel = file.read(1) > 0
        thin = vessel & ~ndimage.binary_opening(vessel, np.ones((3, 3)))
        shape = {"height": thin.shape[0], "width": thin.shape[1], "count": 1, "dtype": "uint8"}
        target = folder / f"{path.name.partition('_')[0]}.tif"
        with rasterio.open(target, "w", driver="GTiff", **shape) as file:
            file.write(np.where(thin, 4, 1).astype(np.uint8), 1)


_STAINED_TRAIN, _STAINED_VALIDATION = ("420", "459", "52a"), ("224", "2c6")
_STAINED_TEST = ("a03", "a08", "a7f", "abd", "ad4")
"""Beginnings of the names of the only images of stained tissue."""


def _stained(root: Path, weight: float | None) -> list[dict[str, Any]]:
    """Return nuclei in colour: all kinds of images are learnt from, stained tissue is scored."""
    scenes = []
    for path in sorted((root / "dsb2018").absolute().iterdir()):
        kind = path.name[:3]
        role = "train" if path.name[0] in "01234567" else None
        role = "validation" if kind in _STAINED_VALIDATION else role
        role = "test" if kind in _STAINED_TEST else role
        if role is not None:
            scene: dict[str, Any] = {
                "image": f"{path}/images/{path.name}.png",
                "labels": "instances",
                "instances": f"{path}/masks/*.png",
                "role": role,
            }
            scenes.append(scene | ({"weight": weight} if weight and kind in _STAINED_TRAIN else {}))
    return scenes


def _ce(folder: Path) -> list[ImageRow]:
    """Return the images of cross-entropy in recorded results."""
    from .loss_study.rows import read_images

    return [row for row in read_images(folder) if row.loss == "ce"]


def _show(chosen: argparse.Namespace) -> None:
    import numpy as np

    from .loss_study.rows import read_images, read_runs
    from .loss_study.tables import gain

    runs, images = read_runs(chosen.folder), read_images(chosen.folder)
    if chosen.recorded is not None:
        # The protocol is the same, so cross-entropy of the study is the plain counterpart.
        plain = {case.data: name for name, case in CASES.items() if case.plain is None}
        recorded = [replace(row, loss=plain.get(row.data, "")) for row in _ce(chosen.recorded)]
        known = {(row.loss, row.seed) for row in images}
        images += [row for row in recorded if (row.loss, row.seed) not in known]
    shown = ("mean_iou", "boundary_iou", "cldice", "calibration_error")
    print("| case | seeds | mean IoU | boundary IoU | clDice | calibration error |", end="")
    print(" mean IoU above plain | boundary IoU above plain |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, case in CASES.items():
        mine = [row for row in runs if row.loss == name]
        if not mine:
            continue
        means = [np.mean([getattr(row, each) for row in mine]) for each in shown]
        pairs = [
            replace(row, data="", loss="ce" if row.loss == case.plain else row.loss)
            for row in images
            if row.loss in (name, case.plain)
        ]
        gains = [
            str(gain(pairs, [""], name, each) or "") if case.plain else ""
            for each in ("mean_iou", "boundary_iou")
        ]
        cells = [name, str(len(mine)), *(f"{mean:.1f}" for mean in means), *gains]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
