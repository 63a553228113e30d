"""What skipping the background of an image saves, and whether it changes a pixel that is kept.

    python benchmarks/skip.py IMAGE [IMAGE ...] [--aoi AREA]

A network of three convolutions (32, 64 and 96 channels) maps each image without and with ``skip``,
or with an area of interest, in tiles of 256 with an overlap of 32. Time is that of the processor,
of this process, the better of two runs each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import tilesegm as ts
from tilesegm.tensorflow_log import silence_tensorflow


def make_network() -> Any:
    """Return a network of random weights that are always the same."""
    import keras

    keras.utils.set_random_seed(0)
    pixels = keras.Input((None, None, 3))
    features = keras.layers.Rescaling(1 / 255)(pixels)
    for channels in (32, 64, 96):
        features = keras.layers.Conv2D(channels, 3, padding="same", activation="relu")(features)
    return keras.Model(pixels, keras.layers.Conv2D(3, 1)(features))


def run(image: Path, network: Any, output: Path, **more: Any) -> tuple[ts.Segmentation, float]:
    """Segment an image, and return the seconds of the processor too."""
    options = ts.Options(network_outputs="logits", **more)
    tiling = ts.Tiling(tile=256, overlap=32)
    began = time.process_time()
    result = ts.segment(image, network, output, tiling=tiling, options=options, overwrite=True)
    return result, time.process_time() - began


def main() -> None:
    """Print a row for each image."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--aoi", help="area of interest, in place of skipping the background")
    given = parser.parse_args()
    narrowed = {"area": given.aoi} if given.aoi else {"skip": "background"}
    silence_tensorflow()
    network = make_network()
    for image in given.images:
        with tempfile.TemporaryDirectory() as name:
            whole, kept = Path(name) / "whole.tif", Path(name) / "kept.tif"
            run(image, network, whole)  # compiles
            without = min((run(image, network, whole) for _ in range(2)), key=lambda one: one[1])
            skipping = min(
                (run(image, network, kept, **narrowed) for _ in range(2)),
                key=lambda one: one[1],
            )
            before, after = (read(path) for path in (whole, kept))
        there = after != 255
        print(
            f"{image.name}: {1 - there.mean():.1%} skipped, tiles {without[0].tiles} -> "
            f"{skipping[0].tiles}, {without[1]:.1f} s -> {skipping[1]:.1f} s of the processor, "
            f"{np.count_nonzero(before[there] != after[there])} kept pixels differ"
        )


def read(path: Path) -> np.ndarray:
    """Read a map."""
    with ts.open_source(path) as source:
        return source.read(source.info.window).values[..., 0]


if __name__ == "__main__":
    main()
