"""Does Dice + TopK help a network that is trained already? On DRIVE, with the study's network.

Run: python -m benchmarks.topk DATA --out FOLDER --seeds 3

For each seed 400 steps of Dice + cross-entropy, then from there 200 steps more of the same, and
200 steps of Dice + TopK, at a quarter of the learning rate. Each seed is a comparison of `tilesegm
compare` in FOLDER, whose page is printed in short: mean IoU and boundary IoU of the test images,
with the threshold that the validation images choose. The same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.loss_study.study import settings_file, study_config
from tilesegm import train
from tilesegm.comparison.compare import compare
from tilesegm.comparison.plan import ComparisonOptions, make_plan
from tilesegm.comparison.variants import make_variants


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the folder `drive` is")
    parser.add_argument("--out", type=Path, required=True, help="folder of all runs")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    out = given.out.absolute()
    for seed in range(given.seeds):
        first = out / f"first-{seed}"
        loss = 'loss.terms=[{"name": "dice_ce"}]'
        trained = train(
            study_config("drive", given.folder, [f"output={first}", f"seed={seed}", loss])
        )
        plan = make_plan(
            settings_file("drive", given.folder),
            make_variants(["loss=dice_ce,dice_topk"]),
            ComparisonOptions(seeds=1, steps=200, drop=False),
            out / f"then-{seed}",
            (
                f"model.weights={trained.bundle}",
                "optimizer.learning_rate=1e-3",
                "schedule.epochs=5",
                "validation.every=5",
                f"seed={seed + 100}",
            ),
        )
        for row in compare(plan).rows:
            print(
                f"seed {seed}: 400 dice_ce + {row['steps']} {row['variant']} {row['mean_iou']} "
                f"{row['boundary_iou']} threshold {row['rule']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
