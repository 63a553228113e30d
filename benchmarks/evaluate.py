"""Scores a pair of maps of 40 000 x 40 000 pixels, beside a bare loop that reads them.

Run: python benchmarks/evaluate.py [--size 40000] [--folder DIR]. Needs about 200 MB of disk.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
import scipy.ndimage

from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate
from tilesegm.metrics.measures import Measures
from tilesegm.source.open import open_source

CLASSES = 6
PATTERN = 2048


def draw_patterns() -> tuple[np.ndarray, np.ndarray]:
    """Draw a map of smooth patches that repeats without a seam, and one that resembles it."""
    random = np.random.default_rng(0)

    def field(grain: int) -> np.ndarray:
        small = random.standard_normal((PATTERN // 8, PATTERN // 8))
        smooth = scipy.ndimage.gaussian_filter(small, grain, mode="wrap")
        return scipy.ndimage.zoom(smooth / smooth.std(), 8, order=1, mode="grid-wrap")

    base = field(12)
    ends = np.quantile(base, np.linspace(0, 1, CLASSES + 1)[1:-1])
    return tuple(np.digitize(ids, ends).astype(np.uint8) for ids in (base, base + 0.1 * field(2)))  # type: ignore[return-value]


def write(path: Path, pattern: np.ndarray, size: int) -> None:
    """Repeat a pattern over a tiled, compressed GeoTIFF, a row of blocks at a time."""
    profile = {
        "driver": "GTiff", "height": size, "width": size, "count": 1, "dtype": "uint8",
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1,
        "transform": rasterio.Affine(1, 0, 500000, 0, -1, 4000000), "crs": "EPSG:32633",
        "num_threads": "all_cpus",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        for row in range(0, size, PATTERN):
            height = min(PATTERN, size - row)
            strip = np.tile(pattern[:height], (1, -(-size // PATTERN)))[:, :size]
            file.write(strip, 1, window=rasterio.windows.Window(0, row, size, height))


def read(paths: list[Path]) -> int:
    """Read both maps by windows of 2048 pixels, and do nothing with them."""
    from tilesegm.grid.window import Window

    pixels = 0
    with open_source(paths[0]) as first, open_source(paths[1]) as second:
        height, width = first.info.height, first.info.width
        for row in range(0, height, 2048):
            for col in range(0, width, 2048):
                at = Window(row, col, min(2048, height - row), min(2048, width - col))
                first.read(at)
                second.read(at)
                pixels += at.pixels
    return pixels


def clocks() -> tuple[float, float]:
    """Read the clock on the wall and that of the processor."""
    return time.perf_counter(), time.process_time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=40000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--all", action="store_true", help="clDice and objects as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        paths = [Path(folder) / "prediction.tif", Path(folder) / "truth.tif"]
        for path, pattern in zip(paths, reversed(draw_patterns()), strict=True):
            write(path, pattern, arguments.size)
        disk = sum(path.stat().st_size for path in paths)
        print(f"{arguments.size} x {arguments.size}, {CLASSES} classes, {disk / 1e6:.0f} MB")
        pixels = arguments.size**2

        def say(name: str, began: tuple[float, float]) -> None:
            seconds, processor = (now - then for now, then in zip(clocks(), began, strict=True))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rate = pixels / 1e6 / seconds
            print(
                f"{name:24} {seconds:7.1f} s, {processor:7.1f} s of processor, {rate:6.1f} MP/s, "
                f"peak {peak:.0f} MiB",
                flush=True,
            )

        began = clocks()
        assert read(paths) == pixels
        say("bare reading loop", began)
        confusions = []
        cases = {
            "confusion": Measures(borders=False),
            "confusion and borders": Measures(),
        }
        if arguments.all:
            cases["clDice of a class"] = Measures(borders=False, thin=(1,))
            cases["objects of a class"] = Measures(borders=False, objects=(1,))
        for name, measures in cases.items():
            began = clocks()
            found = evaluate(*paths, options=EvaluationOptions(CLASSES, measures=measures))
            say(name, began)
            assert found.class_scores.pixels == pixels
            confusions.append(found.total.confusion)
        assert all(np.array_equal(confusions[0], other) for other in confusions)
        print(f"{found.class_scores.pixels:,} pixels counted")


if __name__ == "__main__":
    main()
