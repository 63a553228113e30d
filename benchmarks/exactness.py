"""How far a tiled result is from one pass over the whole image, and what that costs.

    python benchmarks/exactness.py IMAGE MODEL [--size 2048] [--tile 512] [--only default exact]

Sweeps the margin that is cut from tiles, then tilings as users would choose them. Each row gives
the largest difference of a score, the pixels of another class, and the redundancy, against the
network's answer for the whole window at once.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import tilesegm as ts
from tilesegm.engine.batches import Batch, Reading, read_batches
from tilesegm.engine.overlap_add import OverlapAdd
from tilesegm.engine.plan import footprint
from tilesegm.grid.tiles import plan_grid
from tilesegm.model.base import Predictor
from tilesegm.model.open import open_model

HALOS = (0, 8, 16, 32, 48, 64, 80, 88, 96)


def tilings(tile: int) -> Iterator[tuple[str, ts.Tiling]]:
    """Name the tilings to compare."""
    for halo in HALOS:
        yield f"crop, halo {halo}", ts.Tiling(tile, 2 * halo, "crop")
    for overlap in (64, 128, 192):
        yield f"hann, overlap {overlap}", ts.Tiling(tile, overlap)
    yield "default", ts.Tiling()
    yield "exact", ts.Tiling(tile, "exact")


def blended(reading: Reading, predictor: Predictor) -> NDArray[np.float32]:
    """Return the tiled scores of the whole image as ``(classes, height, width)``."""
    grid, info = reading.grid, reading.source.info
    classes = len(predictor.spec.classes)
    result = np.empty((classes, info.height, info.width), np.float32)
    add = OverlapAdd(grid.rows, grid.cols, classes=classes, left=0, right=info.width)
    for item in read_batches(reading, info.window):
        if not isinstance(item, Batch):
            add.end_row()
            continue
        for col, scores in zip(item.cols, predictor(item.tiles).copy(), strict=False):
            finished = add.add(item.row, col, scores)
            if finished is not None:
                left, values = finished
                top = grid.rows.spans[item.row].first
                result[:, top : top + values.shape[1], left : left + values.shape[2]] = values
    return result


def main() -> None:
    """Print the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("model")
    parser.add_argument("--size", type=int, default=2048, help="side of the window in pixels")
    parser.add_argument("--row", type=int, default=0, help="first row of the window")
    parser.add_argument("--col", type=int, default=0, help="first column of the window")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--only", nargs="*", help="names of rows, such as default; all if absent")
    chosen = parser.parse_args()

    with ts.open_source(chosen.image) as source:
        window = ts.Window(chosen.row, chosen.col, chosen.size, chosen.size)
        pixels = source.read(window).values
    predictor = open_model(chosen.model)
    spec = predictor.spec
    print(f"{spec.name}: stride {spec.stride}, radius {spec.radius}, halo {spec.halo}")
    whole = predictor(pixels[None])[0].copy()
    classes = whole.argmax(axis=0)
    print(f"{'tiling':<20} {'largest difference':>18} {'classes changed':>16} {'redundancy':>11}")
    for name, tiling in tilings(chosen.tile):
        if chosen.only and name not in chosen.only:
            continue
        grid = plan_grid(chosen.size, chosen.size, tiling, footprint(spec))
        with ts.open_source(pixels) as source:
            tiled = blended(Reading(source, grid, 1, spec.fill), predictor)
        changed = float(np.mean(tiled.argmax(axis=0) != classes))
        difference = float(np.abs(tiled - whole).max())
        print(f"{name:<20} {difference:>18.2e} {100 * changed:>14.5f} % {grid.redundancy:>11.2f}")


if __name__ == "__main__":
    main()
