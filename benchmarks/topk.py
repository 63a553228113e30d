"""Does Dice + TopK help a network that is trained already? On DRIVE, with the study's network.

Run: python -m benchmarks.topk DATA --seeds 3

For each seed 400 steps of Dice + cross-entropy, then from there 200 steps more of the same, and
200 steps of Dice + TopK, at a quarter of the learning rate. Prints mean IoU and boundary IoU of
the test images, with the threshold that the validation images choose.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.loss_study.protocol import STEPS, make_config
from benchmarks.loss_study.run import Shown, Study, _bands, _show, finite_mean


def score(study: Study, validation: list[Shown], tests: list[Shown]) -> str:
    """Score test images at the threshold of validation images."""
    threshold = study._threshold(validation)
    tallies = [study._count(shown, threshold) for shown in tests]
    total = sum(tallies[1:], tallies[0])
    miou = 100 * total.class_scores.mean_iou
    return f"{miou:.2f} {100 * finite_mean(_bands(total)):.2f} threshold {threshold:.2f}"


def first_part(study: Study, seed: int, out: Path) -> tuple[Path, str]:
    """Train by Dice + cross-entropy, and return the bundle and its score."""
    from tilesegm.model.open import open_model
    from tilesegm.training.run import train_on

    config = make_config("drive", "dice_ce", seed, out / f"first-{seed}")
    result = train_on(study._learnt, config, overwrite=True)
    predictor = open_model(result.bundle, bands=study._learnt.bands)
    roles = [info.role for info in study._learnt.infos]
    held_out = [number for number, role in enumerate(roles) if role == "validation"]
    validation = list(_show(study._learnt, held_out, predictor))
    tests = list(_show(study._tested, range(len(study._tested)), predictor))
    return result.bundle, score(study, validation, tests)


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the folder `drive` is")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        out = Path(name)
        study = Study("drive", given.folder, out)
        for seed in range(given.seeds):
            bundle, before = first_part(study, seed, out)
            print(f"seed {seed}: 400 dice_ce {before}", flush=True)
            for loss in ("dice_ce", "dice_topk"):
                config = make_config("drive", loss, seed + 100, out / f"{loss}-{seed}")
                config = replace(
                    config,
                    model=replace(config.model, weights=str(bundle)),
                    optimizer=replace(config.optimizer, learning_rate=1e-3),
                    schedule=replace(config.schedule, epochs=5, steps=STEPS),
                    validation=replace(config.validation, every=5),
                )
                shown = study.train_and_show(config)
                print(f"seed {seed}: + 200 {loss} {score(study, *shown)}", flush=True)
            shutil.rmtree(bundle.parent)
        study.close()


if __name__ == "__main__":
    main()
