"""Map a satellite image of Dubai of 33.7 megapixels with a trained network, and score the map.

    tilesegm train run examples/training/dubai.yaml
    python examples/dubai.py DATA --model dubai_run/model --out dubai_out

The data are the tiles of the open "Semantic segmentation of aerial imagery" set: ``tile_N`` is one
image cut into 3 x 3 parts, with masks whose colours are classes. Tiles 1 to 5 are learnt from;
here tile 7 is joined, mapped whole and scored.
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
from tilesegm.classes import ClassInfo
from tilesegm.demo.quicklook import quicklook_panels, write_quicklook
from tilesegm.metrics.confusion import Scores, count_confusion

CLASSES = (
    ClassInfo("building", (0x3C, 0x10, 0x98)),
    ClassInfo("land", (0x84, 0x29, 0xF6)),
    ClassInfo("road", (0x6E, 0xC1, 0xE4)),
    ClassInfo("vegetation", (0xFE, 0xDD, 0x3A)),
    ClassInfo("water", (0xE2, 0xA9, 0x29)),
)
IGNORE = 255
MAPPED_TILE = 7


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


def read_tile(data: Path, tile: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read image ``(H, W, 3)`` and class ids ``(H, W)``; colours that are no class are ignored."""
    folder = data / f"tile_{tile}"
    mask = read_parts(folder, "masks", "png")
    labels = np.full(mask.shape[:2], IGNORE, np.uint8)
    for index, info in enumerate(CLASSES):
        labels[(mask == info.colour).all(-1)] = index
    return read_parts(folder, "images", "jpg"), labels


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
    """Map and score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder that holds tile_1 to tile_7")
    parser.add_argument("--model", type=Path, required=True, help="bundle of a training run")
    parser.add_argument("--out", type=Path, default=Path("dubai_out"))
    parser.add_argument("--augment", default="", help="such as flips,0.75: slower, a little better")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NotGeoreferencedWarning)  # true of these data, and no matter
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    pixels, labels = read_tile(arguments.data, MAPPED_TILE)
    image, truth = write(out / "tile_7.tif", pixels), write(out / "labels.tif", labels)
    class_map = out / "classes.tif"
    asked = [part for part in arguments.augment.split(",") if part]
    augment = tuple(float(part) if part[0].isdigit() else part for part in asked)
    options = tilesegm.Options(precision="auto", augment=augment)
    done = tilesegm.segment(image, arguments.model, class_map, options=options, overwrite=True)
    print(f"segmented in {done.seconds:.0f} s, {done.megapixels_per_second:.2f} MP/s")

    with rasterio.open(class_map) as file:
        iou = Scores(count_confusion(labels, file.read(1), len(CLASSES))).iou
    for info, value in zip(CLASSES, iou, strict=True):
        print(f"{info.name:>12} IoU {value:.3f}")
    print(f"{'mean':>12} IoU {iou.mean():.3f}")
    panels = quicklook_panels(image, truth, class_map, CLASSES, side=1000)
    print(f"look at {write_quicklook(out / 'quicklook.png', panels, CLASSES)}")


if __name__ == "__main__":
    main()
