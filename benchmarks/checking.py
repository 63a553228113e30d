"""Processor time that goes into proving staged results, of a whole run.

    python benchmarks/checking.py [--size 16384] [--scores]

Segments an image by a function that costs almost nothing, so that the share is the largest there
is, and adds up the processor time of digests when chunks are written and of both checks before the
finished file is put in place. Prints it beside that of the process.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.bench.case import write_image
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.segment import segment
from tilesegm.sink import staged_array, staging

spent = [0.0]


def brightest(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score each of three bands by its own value."""
    return pixels


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the processor time of a function, on the thread that calls it."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*arguments)
        finally:
            spent[0] += time.thread_time() - began

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=16384)
    parser.add_argument("--scores", action="store_true", help="stage scores as float16 too")
    asked = parser.parse_args()
    staged_array.digest_of = timed(staged_array.digest_of)
    staging.sum_up = timed(staging.sum_up)
    staging.Staging.check = timed(staging.Staging.check)  # type: ignore[method-assign]
    options = Options(scores="float16" if asked.scores else None, network_outputs="logits")
    with tempfile.TemporaryDirectory(prefix="tilesegm-checking-") as name:
        image, output = Path(name, "image.tif"), Path(name, "classes.tif")
        write_image(image, asked.size)
        began = time.process_time()
        segment(image, brightest, output, tiling=Tiling(tile=512, overlap=64), options=options)
        whole = time.process_time() - began
    print(
        f"{asked.size} x {asked.size}: {spent[0]:.2f} of {whole:.1f} processor seconds are "
        f"digests and checks: {spent[0] / whole:.2%}"
    )


if __name__ == "__main__":
    main()
