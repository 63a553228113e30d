"""What it costs to keep digests of the pixels that a map was made of, and what they save.

    python benchmarks/update.py [--side 8192]

An image of ``side`` pixels (deflate, three bands) is mapped by a network that costs nothing,
without and with digests, the better of two runs each; then a square of it is changed, and the map
updated.
Time is that of the processor, of this process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

import tilesegm as ts
from tilesegm.bench.case import write_image


def bands(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the bands as scores."""
    return pixels


def run(
    image: Path, output: Path, *, update: bool, overwrite: bool
) -> tuple[ts.Segmentation, float]:
    """Segment the image, and return the seconds of the processor too."""
    began = time.process_time()
    options = ts.Options(update=update)
    result = ts.segment(image, bands, output, options=options, overwrite=overwrite)
    return result, time.process_time() - began


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=8192)
    side = parser.parse_args().side
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = folder / "image.tif"
        write_image(image, side)
        plain = min(
            run(image, folder / "plain.tif", update=False, overwrite=True)[1] for _ in range(2)
        )
        digests = min(
            run(image, folder / f"{turn}.tif", update=True, overwrite=False)[1] for turn in range(2)
        )
        print(f"a map: {plain:.1f} s without digests, {digests:.1f} s with them")
        with rasterio.open(image, "r+") as target:
            window = rasterio.windows.Window(0, side // 2, 300, 300)
            target.write(255 - target.read(window=window), window=window)
        updated, seconds = run(image, folder / "0.tif", update=True, overwrite=False)
        regions = sum(map(len, updated.plan.panels))
        print(f"an update: {seconds:.1f} s, {updated.kept} of {regions} regions kept")
        run(image, folder / "plain.tif", update=False, overwrite=True)
        maps = [rasterio.open(folder / f"{one}.tif").read(1) for one in ("0", "plain")]
        print(f"pixels that differ from a run from scratch: {np.count_nonzero(maps[0] != maps[1])}")


if __name__ == "__main__":
    main()
