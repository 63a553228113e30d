"""One network, one slide stored at two resolutions: how far its two maps agree.

    python benchmarks/scale.py DATA/wsi/cmu_small_region.svs

The slide has pixels of 0.499 µm. It is stored again at half the resolution, by averages of areas,
as an OME-TIFF that tells its 0.998 µm. A small U-Net learns three classes that colour and size
decide: glass, wide dark objects (an opening of dark pixels by a disk of 6.5 µm) and the rest of the
tissue; once from the pixels of the slide, once with ``data.resolution: 0.998um``. Both files are
mapped with each network, by the scale of the bundle and as they are (``--resolution native``), on
their own grids (``--grid image``). A pixel of the coarse grid agrees where the map of the coarse
slide has the class that the map of the fine one has at its centre.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import tilesegm as ts
from tilesegm.source.resampled import ResampledSource

CLASSES = "glass", "tissue", "wide and dark"
RADIUS = 6


def label(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ``(H, W)`` class of each pixel of a slide of 0.5 µm."""
    dark = ndimage.gaussian_filter(image[..., 0].astype(np.float32), 1.5) < 130
    glass = ndimage.gaussian_filter(image.min(-1).astype(np.float32), 3) > 200
    rows, cols = np.ogrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    wide = ndimage.binary_opening(dark, rows**2 + cols**2 <= RADIUS**2)
    return np.where(wide, 2, np.where(glass, 0, 1)).astype(np.uint8)


def store_at_half(slide: Path, target: Path) -> None:
    """Write the slide with pixels twice as wide and high."""
    source = ts.open_source(slide)
    height, width = -(-source.info.height // 2), -(-source.info.width // 2)
    with ResampledSource(source, height, width) as half:
        down, across = half.info.georeference.pixel_size or (0, 0)
        sizes = {"PhysicalSizeX": across, "PhysicalSizeY": down}
        units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
        pixels = half.read(half.info.window).values
        options = {"photometric": "rgb", "tile": (256, 256), "compression": "deflate"}
        tifffile.imwrite(target, pixels, metadata={"axes": "YXS", **sizes, **units}, **options)


def settings(slide: Path, labels: Path, run: Path, resolution: str | None) -> ts.TrainingConfig:
    """Return the settings of a run of a few minutes on a CPU."""
    classes = tuple(ts.ClassSettings(name, number) for number, name in enumerate(CLASSES))
    scenes = (ts.SceneSettings(str(slide), str(labels)),)
    return ts.TrainingConfig(
        data=ts.DataSettings(scenes, ts.LabelSettings(classes), resolution=resolution),
        output=str(run),
        split=ts.SplitSettings(block=256, folds=5),
        model=ts.ModelSettings(filters=8, depth=3),
        schedule=ts.ScheduleSettings(epochs=6, steps=60, batch=8, size=128),
        optimizer=replace(ts.OptimizerSettings(), learning_rate=3e-3),
    )


def agreement(coarse: ts.SegmentedImage, fine: ts.SegmentedImage) -> tuple[float, list[float]]:
    """Return the fraction of pixels of the coarse grid that agree, and the IoU of each class."""
    height, width = coarse.classes.shape
    with ResampledSource(ts.open_source(fine.classes), height, width, nearest=True) as source:
        other = source.read(source.info.window).values[..., 0]
    same = coarse.classes == other
    iou = [
        float((same & (other == n)).sum() / ((coarse.classes == n) | (other == n)).sum())
        for n in range(len(CLASSES))
    ]
    return float(same.mean()), iou


def main() -> None:
    """Train, map and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--folder", type=Path, help="keeps the files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        half, labels = folder / "half.ome.tif", folder / "labels.png"
        store_at_half(arguments.slide, half)
        with ts.open_source(arguments.slide) as source:
            Image.fromarray(label(source.read(source.info.window).values)).save(labels)
        tiling = ts.Tiling(tile=512, overlap=64)
        for learnt in (None, "0.998um"):
            began = time.monotonic()
            run = folder / f"run_{learnt}"
            done = ts.train(settings(arguments.slide, labels, run, learnt))
            print(
                f"learnt from {learnt or 'the slide as it is'}: {time.monotonic() - began:.0f} s, "
                f"mean IoU {done.best_score:.4f} on held-out pixels",
                flush=True,
            )
            for resolution in (None, "native"):
                fine, coarse = (
                    ts.segment(
                        image,
                        done.bundle,
                        tiling=tiling,
                        options=ts.Options(resolution=resolution, grid="image"),
                    )
                    for image in (arguments.slide, half)
                )
                same, iou = agreement(coarse, fine)
                each = ", ".join(
                    f"{name} {value:.3f}" for name, value in zip(CLASSES, iou, strict=True)
                )
                print(f"  {resolution or 'by scale'}: {same:.2%} agree; IoU {each}", flush=True)


if __name__ == "__main__":
    main()
