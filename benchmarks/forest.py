"""What a random forest on single pixels makes of the Dubai images: the mark a network must beat.

    python benchmarks/forest.py DATA/dubai

Learns from tiles 1 to 5 and maps tile 7, as ``examples/training/dubai.yaml`` does with a network.
Each pixel has 18 features: colour, colour blurred by 2 and by 8 px, gradient magnitude at 1 px, and
local standard deviation in squares of 9 and 33 px, of each band. The map is scored at every fourth
pixel of every fourth row: two million pixels tell the scores to the third digit.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from tilesegm.metrics.confusion import Scores, count_confusion

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
from dubai import CLASSES, IGNORE, read_tile

PIXELS, TREES, STEP, ROWS = 300_000, 100, 4, 64
TRAINING_TILES, MAPPED_TILE = (1, 2, 3, 4, 5), 7


def features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return ``(H, W, 18)`` features of an image ``(H, W, 3)``."""
    planes = []
    for band in np.moveaxis(image.astype(np.float32), -1, 0):
        planes += [band, ndimage.gaussian_filter(band, 2), ndimage.gaussian_filter(band, 8)]
        planes.append(ndimage.gaussian_gradient_magnitude(band, 1))
        for side in (9, 33):
            mean = ndimage.uniform_filter(band, side)
            square = ndimage.uniform_filter(band**2, side)
            planes.append(np.sqrt(np.maximum(square - mean**2, 0)))
    return np.stack(planes, -1)


def draw(data: Path, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw labelled pixels evenly from all training tiles."""
    tiles = [read_tile(data, tile) for tile in TRAINING_TILES]
    labelled = np.array([np.count_nonzero(labels != IGNORE) for _, labels in tiles])
    x, y = [], []
    for (image, labels), count in zip(tiles, labelled, strict=True):
        flat = np.flatnonzero(labels != IGNORE)
        chosen = random.choice(flat, int(PIXELS * count / labelled.sum()), replace=False)
        x.append(features(image).reshape(-1, 18)[chosen])
        y.append(labels.reshape(-1)[chosen])
    return np.concatenate(x), np.concatenate(y)


def report(name: str, confusion: NDArray[np.int64]) -> None:
    """Print mean and per-class IoU."""
    iou = Scores(confusion).iou
    each = ", ".join(f"{info.name} {value:.3f}" for info, value in zip(CLASSES, iou, strict=True))
    print(f"{name}: mIoU {np.nanmean(np.nan_to_num(iou)):.4f} ({each})", flush=True)


def main() -> None:
    """Train, map and score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds tile_1 to tile_7")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    began = time.monotonic()
    x, y = draw(arguments.data, np.random.default_rng(arguments.seed))
    forest = RandomForestClassifier(TREES, n_jobs=-1, random_state=arguments.seed).fit(x, y)
    print(f"{len(y)} pixels, {TREES} trees, {time.monotonic() - began:.0f} s to train", flush=True)

    image, labels = read_tile(arguments.data, MAPPED_TILE)
    constant = np.full_like(labels, np.bincount(y).argmax())
    report("constant", count_confusion(labels, constant, len(CLASSES)))
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    described, truth = features(image)[::STEP, ::STEP], labels[::STEP, ::STEP]
    for top in range(0, len(truth), ROWS):
        rows = described[top : top + ROWS]
        found = forest.predict(rows.reshape(-1, 18)).astype(np.int64).reshape(rows.shape[:2])
        confusion += count_confusion(truth[top : top + ROWS], found, len(CLASSES))
    report("forest", confusion)
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
