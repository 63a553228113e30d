"""What strategies over time, place and scale bring: each beside its plain counterpart.

    python -m benchmarks.strategies run DATA --out FOLDER [--cases NAME ...] [--seeds 0 1 2]
    python -m benchmarks.strategies show FOLDER

The protocol is that of `benchmarks.loss_study`: 400 steps of 4 windows of 96 x 96, 8 filters, depth
3. ``run`` trains what is missing in FOLDER, a row a run; ``show`` prints the pairs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilesegm.training.settings.config import TrainingConfig

    from .loss_study.run import ImageRow

Change = Callable[["TrainingConfig"], "TrainingConfig"]


@dataclass(frozen=True)
class Case:
    """A strategy on a data set, and what it is compared with."""

    data: str
    plain: str | None
    """Name of the plain counterpart; None for one of these."""
    change: Change = lambda config: config
    """What differs from cross-entropy under the protocol."""
    augment: tuple[str | float, ...] = ()
    """Test-time augmentation of the network of the plain counterpart."""


def _sections(**sections: dict[str, Any]) -> Change:
    """Give keys of sections other values."""

    def change(config: TrainingConfig) -> TrainingConfig:
        changed = {name: replace(getattr(config, name), **keys) for name, keys in sections.items()}
        return replace(config, **changed)

    return change


def _adaptive(follow: Any) -> Change:
    from tilesegm.training.settings.strategies import AdaptiveClassSettings

    every = {"validation": {"every": 1}} if follow == "validation" else {}
    return _sections(loss={"adaptive_classes": AdaptiveClassSettings(follow)}, **every)


def _hard(**keys: float) -> Change:
    from tilesegm.training.settings.strategies import HardPixelSettings

    return _sections(loss={"hard_pixels": HardPixelSettings(**keys)})


_CE = {"name": "cross_entropy"}
_BOUNDARY = {"name": "boundary", "radius": 16.0}
_TOP = {"name": "top_k"}
_LATER: dict[str, Any] = {"name": "later"}


def cases() -> dict[str, Case]:
    """Return all cases by name."""
    boundary = _sections(loss={"terms": (_CE, _BOUNDARY)})
    boundary_later = _sections(loss={"terms": (_CE, _BOUNDARY), "weighting": _LATER})
    top_later = _sections(loss={"terms": (_CE, _TOP), "weighting": _LATER | {"rest": 0.0}})

    def drive(change: Change) -> Case:
        return Case("drive", "drive", change)

    def nuclei(change: Change = lambda config: config, augment: Any = ()) -> Case:
        return Case("dsb2018", "nuclei", change, augment)

    return {
        "drive": Case("drive", None),
        "drive boundary": drive(boundary),
        "drive boundary later": drive(boundary_later),
        "drive hard": drive(_hard()),
        "drive hard at once": drive(_hard(warm_up=0.0)),
        "drive top_k": drive(_sections(loss={"terms": (_TOP,)})),
        "drive top_k later": drive(top_later),
        "drive follow training": drive(_adaptive("training")),
        "drive follow validation": drive(_adaptive("validation")),
        "drive thin weights": Case("drive_thin", "drive"),
        "dubai": Case("dubai", None),
        "dubai follow training": Case("dubai", "dubai", _adaptive("training")),
        "dubai follow validation": Case("dubai", "dubai", _adaptive("validation")),
        "stained": Case("stained", None),
        "stained weight": Case("stained_weight", "stained"),
        "nuclei": Case("dsb2018", None),
        "nuclei predict scales": nuclei(augment=("scales",)),
        "nuclei predict flips": nuclei(augment=("flips",)),
        "nuclei aspp": nuclei(_sections(model={"aspp": (2, 4, 6)})),
        "nuclei train scale 0": nuclei(_sections(augmentation={"scale": 0.0})),
        "nuclei train scale 0.5": nuclei(_sections(augmentation={"scale": 0.5})),
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
    from .loss_study.protocol import LOSSES
    from .loss_study.rows import add_rows, read_runs

    chosen.out.mkdir(parents=True, exist_ok=True)
    every = cases()
    done = {(row.seed, row.loss) for row in read_runs(chosen.out)}
    for seed in chosen.seeds:
        for name in chosen.cases or every:
            case = every[name]
            if (seed, name) in done:
                continue
            _add_data(case.data, chosen.root, chosen.out)
            LOSSES[name] = LOSSES["ce"]
            study = _study(name, case, chosen.root, chosen.out)
            row, images = study.run(name, seed)
            study.close()
            add_rows(chosen.out, row, images)
            print(row, flush=True)


def _study(name: str, case: Case, root: Path, out: Path) -> Any:
    """Return a study that trains as a case says; a network that is there is used again."""
    from tilesegm.model.open import open_model
    from tilesegm.training.run import train_on

    from .loss_study.run import Shown, Study, _show

    trained_as = case.plain if case.augment else name

    class StrategyStudy(Study):
        def train_and_show(self, config: TrainingConfig) -> tuple[list[Shown], list[Shown]]:
            folder = f"{trained_as}-{config.seed}".replace(" ", "-")
            config = replace(case.change(config), output=str((out / "runs" / folder).absolute()))
            bundle = train_on(self._learnt, config).bundle
            predictor = open_model(bundle, bands=self._learnt.bands, augment=case.augment)
            roles = [info.role for info in self._learnt.infos]
            held_out = [number for number, role in enumerate(roles) if role == "validation"]
            validation = list(_show(self._learnt, held_out, predictor))
            return validation, list(_show(self._tested, range(len(self._tested)), predictor))

    return StrategyStudy(case.data, root, out)


def _add_data(name: str, root: Path, out: Path) -> None:
    """Make a data set with weights, of those that the protocol has."""
    from .loss_study.protocol import DATASETS

    if name == "drive_thin":
        drive = DATASETS["drive"]
        _weigh_thin_vessels(root, out / "weights")
        scenes = tuple(
            replace(scene, weights=str((out / "weights" / "{eye}.tif").absolute()))
            if scene.role == "train"
            else scene
            for scene in drive.data.scenes
        )
        DATASETS[name] = replace(drive, data=replace(drive.data, scenes=scenes))
    elif name.startswith("stained"):
        DATASETS[name] = _stained(root, 8.0 if name == "stained_weight" else None)


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


def _stained(root: Path, weight: float | None) -> Any:
    """Return nuclei in colour: all kinds of images are learnt from, stained tissue is scored."""
    from tilesegm.data.settings import SceneSettings

    from .loss_study.protocol import DATASETS

    nuclei = DATASETS["dsb2018"]
    scenes = []
    for path in sorted((root / "dsb2018").iterdir()):
        kind = path.name[:3]
        role: Any = "train" if path.name[0] in "01234567" else None
        role = "validation" if kind in _STAINED_VALIDATION else role
        role = "test" if kind in _STAINED_TEST else role
        if role is not None:
            scene = SceneSettings(
                f"dsb2018/{path.name}/images/{path.name}.png",
                "instances",
                instances=f"dsb2018/{path.name}/masks/*.png",
                weight=weight if kind in _STAINED_TRAIN else None,
                role=role,
            )
            scenes.append(scene)
    return replace(nuclei, data=replace(nuclei.data, scenes=tuple(scenes)), stretch=False)


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
        plain = {case.data: name for name, case in cases().items() if case.plain is None}
        recorded = [replace(row, loss=plain.get(row.data, "")) for row in _ce(chosen.recorded)]
        known = {(row.loss, row.seed) for row in images}
        images += [row for row in recorded if (row.loss, row.seed) not in known]
    shown = ("mean_iou", "boundary_iou", "cldice", "calibration_error")
    print("| case | seeds | mean IoU | boundary IoU | clDice | calibration error |", end="")
    print(" mean IoU above plain | boundary IoU above plain |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, case in cases().items():
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
