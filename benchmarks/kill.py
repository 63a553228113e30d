"""Kills one run at random moments, lets it go on each time, and compares the result.

    python benchmarks/kill.py [--kills 20] [--filters 8]

The run segments an image of 2048 columns, with a few more regions than kills, by a U-Net of depth
4. A first run is left alone; the second is killed (SIGKILL) up to three region times after its
network began to work, and started anew, until it was killed as often as asked; then it may end.
Prints the work lost by each kill, in regions, and whether both files hold the same bytes.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from tilesegm.bench.case import make_network
from tilesegm.engine.plan import CHUNK
from tilesegm.events import Event, PixelsDone
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.model.open import open_model
from tilesegm.segmentation.segment import segment
from tilesegm.tensorflow_log import silence_tensorflow

WIDTH = 2048
CALL, REGION = b".", b"R"


class Logged:
    """A predictor that leaves a mark in a file at each call."""

    def __init__(self, predictor: Predictor, log: int) -> None:
        self._predictor = predictor
        self._log = log
        self.spec: ModelSpec = predictor.spec

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch."""
        os.write(self._log, CALL)
        return self._predictor(tiles)


@dataclass(frozen=True)
class Work:
    """One image and one network."""

    folder: Path
    filters: int

    @property
    def image(self) -> Path:
        """What is segmented."""
        return self.folder / "image.tif"

    @property
    def log(self) -> Path:
        """Where calls and regions leave their marks, over all runs."""
        return self.folder / "log"

    def write_image(self, regions: int) -> None:
        """Write large shapes with fine noise."""
        rng = np.random.default_rng(0)
        profile = {
            "driver": "GTiff",
            "height": regions * CHUNK,
            "width": WIDTH,
            "count": 3,
            "dtype": "uint8",
            "tiled": True,
            "compress": "deflate",
            "crs": "EPSG:32633",
            "transform": Affine(1, 0, 5e5, 0, -1, 5e6),
        }
        with rasterio.open(self.image, "w", **profile) as target:
            for region in range(regions):
                coarse = rng.integers(0, 200, (3, CHUNK // 64, WIDTH // 64))
                values = np.kron(coarse, np.ones((1, 64, 64), int))
                values += rng.integers(0, 55, values.shape)
                window = rasterio.windows.Window(0, region * CHUNK, WIDTH, CHUNK)
                target.write(values.astype(np.uint8), window=window)

    def start(self, output: Path) -> subprocess.Popen[bytes]:
        """Run in a process of its own."""
        command = [sys.executable, __file__, "--work", str(self.folder), str(output)]
        return subprocess.Popen([*command, "--filters", str(self.filters)])

    def run(self, output: Path) -> None:
        """Segment the image; this is what gets killed."""
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        predictor = Logged(open_model(make_network(self.filters)), log)

        def mark(event: Event) -> None:
            if isinstance(event, PixelsDone):
                os.write(log, REGION)

        segment(self.image, predictor, output, tiling=Tiling(tile=512, overlap=64), on_event=mark)

    def marks(self) -> bytes:
        """Return the marks of all runs so far."""
        return self.log.read_bytes() if self.log.exists() else b""


def wait(work: Work, process: subprocess.Popen[bytes], mark: bytes, count: int) -> float:
    """Wait until so many marks were left or the process ends, and return the time."""
    while process.poll() is None and work.marks().count(mark) < count:
        time.sleep(0.005)
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--filters", type=int, default=8, help="of the U-Net; 0 for a 1 x 1 one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        silence_tensorflow()
        folder, output = asked.work
        Work(folder, asked.filters).run(output)
        return
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="tilesegm-kill-") as name:
        work = Work(Path(name), asked.filters)
        regions = asked.kills + 4
        work.write_image(regions)

        straight, output = work.folder / "straight.tif", work.folder / "killed.tif"
        process = work.start(straight)
        began = wait(work, process, REGION, 1)
        seconds = (wait(work, process, REGION, regions) - began) / (regions - 1)
        if process.wait():
            sys.exit("the run that nothing disturbed failed")
        expected, calls = straight.read_bytes(), work.marks().count(CALL)
        print(f"undisturbed: {regions} regions, {seconds:.2f} s each", flush=True)

        lost: list[float] = []
        while len(lost) < asked.kills and not output.exists():
            before = work.marks()
            process = work.start(output)
            wait(work, process, CALL, before.count(CALL) + 1)
            time.sleep(dice.uniform(0, 3 * seconds))
            process.kill()
            if process.wait() == 0:
                break
            life = work.marks()[len(before) :]
            lost.append(life.rpartition(REGION)[2].count(CALL) * regions / calls)
            done = life.count(REGION)
            print(f"kill {len(lost)}: {done} regions done, {lost[-1]:.2f} lost", flush=True)
        if output.exists() and output.read_bytes() != expected:
            sys.exit("a killed run left something else under the final name")
        if work.start(output).wait():
            sys.exit("the last run failed")
        same = output.read_bytes() == expected
        total = (work.marks().count(CALL) - calls) / calls
    print(
        f"{len(lost)} kills: at most {max(lost, default=0):.2f} regions of network time lost by "
        f"one, {total:.2f} times the undisturbed work in all; "
        f"files {'are byte-identical' if same else 'DIFFER'}"
    )
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
