"""Learn land cover from five satellite images of Dubai and map a sixth, of 33.7 megapixels.

    python examples/dubai.py DATA --out dubai_out --minutes 33

The data are the tiles of the open "Semantic segmentation of aerial imagery" set: ``tile_N`` is one
image cut into 3 x 3 parts, with masks whose colours are classes. Tiles 1 to 5 are learnt from,
tile 7 is mapped whole and scored. One part of tile 1 is held out to watch the training. With
``--model`` a bundle that was trained before is used instead.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

import tilesegm
from tilesegm.demo.quicklook import error_panel, image_panel, map_panel, save_panels
from tilesegm.model.base import ClassInfo
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.training.fit import Progress, Trained, fit
from tilesegm.training.sample import Sample
from tilesegm.training.score import count_confusion, intersection_over_union
from tilesegm.training.settings import Augmentation, TrainingSettings

CLASSES = (
    ClassInfo("building", (0x3C, 0x10, 0x98)),
    ClassInfo("land", (0x84, 0x29, 0xF6)),
    ClassInfo("road", (0x6E, 0xC1, 0xE4)),
    ClassInfo("vegetation", (0xFE, 0xDD, 0x3A)),
    ClassInfo("water", (0xE2, 0xA9, 0x29)),
)
IGNORE = 255
TRAINING_TILES, MAPPED_TILE = (1, 2, 3, 4, 5), 7
HELD_OUT = (1, 5)  # tile and part (0 to 8): right of the middle row


def read_parts(folder: Path, kind: str, suffix: str) -> NDArray[np.uint8]:
    """Join the nine parts of a tile, ``(H, W, 3)``; parts of one row or column differ by 1 px."""
    parts = []
    for number in range(1, 10):
        with Image.open(folder / kind / f"image_part_{number:03d}.{suffix}") as part:
            parts.append(np.asarray(part.convert("RGB")))
    rows = []
    for row in range(3):
        three = parts[3 * row : 3 * row + 3]
        height = min(part.shape[0] for part in three)
        rows.append(np.concatenate([part[:height] for part in three], axis=1))
    width = min(row.shape[1] for row in rows)
    return np.concatenate([row[:, :width] for row in rows], axis=0)


def read_tile(data: Path, tile: int) -> Sample:
    """Read a tile and turn its mask colours into class ids; other colours are not labels."""
    folder = data / f"tile_{tile}"
    mask = read_parts(folder, "masks", "png")
    labels = np.full(mask.shape[:2], IGNORE, np.uint8)
    for index, info in enumerate(CLASSES):
        labels[(mask == info.colour).all(-1)] = index
    return Sample(read_parts(folder, "images", "jpg"), labels)


def hold_out(sample: Sample, part: int) -> tuple[Sample, Sample]:
    """Split a sample into one without labels in a ninth of it, and that ninth."""
    height, width = sample.labels.shape
    rows = slice(part // 3 * height // 3, (part // 3 + 1) * height // 3)
    cols = slice(part % 3 * width // 3, (part % 3 + 1) * width // 3)
    rest = sample.labels.copy()
    rest[rows, cols] = IGNORE
    return Sample(sample.image, rest), Sample(sample.image[rows, cols], sample.labels[rows, cols])


class Watch:
    """Prints how training goes and keeps the weights now and then."""

    def __init__(self, held_out: Sample, folder: Path, every: int = 200) -> None:
        height, width = (side // 16 * 16 for side in held_out.labels.shape)
        self._pixels = held_out.image[None, :height, :width].astype(np.float32)
        self._labels = held_out.labels[:height, :width]
        self._folder, self._every = folder, every
        self._losses: list[float] = []

    def __call__(self, progress: Progress) -> None:
        """Report every few steps."""
        self._losses.append(progress.loss)
        if progress.step % 20 == 0:
            print(
                f"step {progress.step} ({progress.fraction:.0%}, {progress.seconds:.0f} s): "
                f"loss {np.mean(self._losses[-20:]):.3f}",
                flush=True,
            )
        if progress.step % self._every == 0:
            offset, scale = progress.normalisation.offset, progress.normalisation.scale
            pixels = (self._pixels - np.float32(offset)) * np.float32(scale)
            found = progress.network.predict_on_batch(pixels)[0].argmax(-1)
            iou = intersection_over_union(count_confusion(self._labels, found, len(CLASSES)))
            print(f"held out: mIoU {np.nanmean(iou):.3f}, {np.round(iou, 3)}", flush=True)
            progress.network.save_weights(self._folder / "checkpoint.weights.h5")


def train(data: Path, out: Path, steps: int, minutes: float | None) -> Trained:
    """Train a U-Net on tiles 1 to 5."""
    tiles = {tile: read_tile(data, tile) for tile in TRAINING_TILES}
    tile, part = HELD_OUT
    tiles[tile], held_out = hold_out(tiles[tile], part)
    settings = TrainingSettings(
        steps=steps,
        minutes=minutes,
        ignore=IGNORE,
        precision="bfloat16",
        # Tile 7 was taken under bluer light and at another ground resolution than the others.
        augmentation=Augmentation(zoom=0.4, exposure=0.15, tint=0.12),
    )
    return fit(list(tiles.values()), len(CLASSES), settings=settings, on_step=Watch(held_out, out))


def save(trained: Trained, path: Path) -> Path:
    """Save the network with what is needed to use it rightly."""
    info = BundleInfo(
        classes=CLASSES,
        normalisation=trained.normalisation,
        band_names=("red", "green", "blue"),
        ignore=IGNORE,
        training={
            "data": f"dubai tiles {TRAINING_TILES}",
            "steps": len(trained.losses),
            "seconds": round(trained.seconds),
        },
    )
    return save_bundle(path, trained.model, info, overwrite=True)


def write(path: Path, array: NDArray[np.uint8]) -> Path:
    """Write one image as a tiled GeoTIFF; the data say nothing about the place on the ground."""
    bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype="uint8",
        tiled=True, blockxsize=256, blockysize=256, compress="deflate",
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def main() -> None:
    """Train, map and score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds tile_1 to tile_7")
    parser.add_argument("--out", type=Path, default=Path("dubai_out"))
    parser.add_argument("--minutes", type=float, default=33.0, help="longest time to train")
    parser.add_argument("--steps", type=int, default=2400, help="most steps to train")
    parser.add_argument("--model", type=Path, help="bundle to use instead of training one")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NotGeoreferencedWarning)  # true of these data, and no matter
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    model = arguments.model
    if model is None:
        trained = train(arguments.data, out, arguments.steps, arguments.minutes)
        model = save(trained, out / "model")

    tile = read_tile(arguments.data, MAPPED_TILE)
    image, labels = write(out / "tile_7.tif", tile.image), write(out / "labels.tif", tile.labels)
    class_map = out / "classes.tif"
    done = tilesegm.segment(
        image, model, class_map, options=tilesegm.Options(precision="auto"), overwrite=True
    )
    print(f"segmented in {done.seconds:.0f} s, {done.megapixels_per_second:.2f} MP/s")

    with rasterio.open(class_map) as file:
        iou = intersection_over_union(count_confusion(tile.labels, file.read(1), len(CLASSES)))
    for info, value in zip(CLASSES, iou, strict=True):
        print(f"{info.name:>12} IoU {value:.3f}")
    print(f"{'mean':>12} IoU {iou.mean():.3f}")
    panels = [
        image_panel("tile 7", image, 1000),
        map_panel("truth", labels, CLASSES, 1000),
        map_panel("prediction", class_map, CLASSES, 1000),
        error_panel("errors, in the colour of the true class", labels, class_map, CLASSES, 1000),
    ]
    print(f"look at {save_panels(panels, CLASSES, out / 'quicklook.png')}")


if __name__ == "__main__":
    main()
