"""How fast samples are made, beside a bare loop over the same windows and the model's step.

    python benchmarks/input_pipeline.py [--side 8192] [--batches 24] [--rounds 5] [--readers 2]

Writes an image of three bands as COG and as Zarr, with a raster of five classes, and draws windows
of 256 x 256 from it with flips, turns, scale, light and noise. Each round times

* the pipeline alone: `tf_dataset` as training uses it,
* the bare loop: as many threads that read the same windows of the image and do nothing else,
* the step: forward, backward and update of the default U-Net, on a batch that is there already.

Then it times what tf.data can be told, on the COG: one thread or several, order kept or not,
batches made ahead or not, and kept in memory or not. A wait of ``--device`` milliseconds stands
for a network on a device of its own.

Medians over the rounds are printed, with the processor time of a sample, which other work on the
machine disturbs less; in the second table, whose rows run in turn, least times as well.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from affine import Affine
from numpy.typing import NDArray
from rasterio.shutil import copy

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import (
    AugmentationSettings,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SamplingSettings,
    SceneSettings,
    SplitSettings,
)
from tilesegm.data.split import make_split
from tilesegm.data.statistics import measure
from tilesegm.data.stream import SampleStream, StreamSettings
from tilesegm.data.training_data import TrainingData
from tilesegm.grid.window import Window
from tilesegm.training.datasets import tf_dataset

SIZE, BATCH, CLASSES, BUFFER = 256, 8, 5, 92
AUGMENTATION = AugmentationSettings(
    flip=True, rotate=15, scale=0.3, exposure=0.3, tint=0.1, noise=0.02
)
STRIP = 512
KINDS = ("tif", "zarr")


@dataclass(frozen=True)
class Time:
    """What a stretch of work took, in seconds."""

    wall: float
    processor: float


def write_images(folder: Path, side: int) -> None:
    """Write image.tif, image.zarr and labels.tif: smooth patches of each class, with noise."""
    random = np.random.default_rng(0)
    grid = {"height": side, "width": side, "crs": "EPSG:32633"}
    tiles = {"driver": "GTiff", "tiled": True, "blockxsize": STRIP, "blockysize": STRIP}
    grid |= tiles | {"dtype": "uint8", "transform": Affine(1, 0, 5e5, 0, -1, 5e6)}
    colours = random.integers(40, 200, (CLASSES, 3))
    bands = zarr.create_array(
        folder / "image.zarr", shape=(side, side, 3), chunks=(STRIP, STRIP, 3), dtype="u1"
    )
    with (
        rasterio.open(folder / "plain.tif", "w", count=3, **grid) as image,
        rasterio.open(folder / "labels.tif", "w", count=1, compress="deflate", **grid) as labels,
    ):
        for top in range(0, side, STRIP):
            coarse = random.integers(0, CLASSES, (STRIP // 32, side // 32))
            ids = np.kron(coarse, np.ones((32, 32), np.uint8)).astype(np.uint8)
            values = colours[ids] + random.integers(-20, 20, (STRIP, side, 3))
            window = rasterio.windows.Window(0, top, side, STRIP)
            labels.write(ids, 1, window=window)
            image.write(values.astype(np.uint8).transpose(2, 0, 1), window=window)
            bands[top : top + STRIP] = values.astype(np.uint8)
    copy(folder / "plain.tif", folder / "image.tif", driver="COG", compress="deflate")


def open_image(folder: Path, image: str) -> Scenes:
    """Open an image with its labels."""
    classes = tuple(ClassSettings(f"class {number}", number) for number in range(CLASSES))
    settings = DataSettings((SceneSettings(image, "labels.tif"),), LabelSettings(classes))
    return open_scenes(find_scenes(settings, folder), settings)


def make_stream(scenes: Scenes, recorder: Recorder) -> SampleStream:
    """Draw from four folds of blocks; the fifth is held out."""
    found = measure(scenes)
    split = make_split(scenes, found, SplitSettings(), BUFFER)
    data = TrainingData.of(recorder, found, split, 0)  # type: ignore[arg-type]
    settings = StreamSettings(
        size=SIZE, batch=BATCH, sampling=SamplingSettings(), augmentation=AUGMENTATION
    )
    return SampleStream(data, settings, data.standardisation)


class Recorder:
    """Scenes that remember which windows of the image were read."""

    def __init__(self, scenes: Scenes) -> None:
        self._scenes = scenes
        self.windows: list[Window] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scenes, name)

    def read(self, scene: int, window: Window) -> Any:
        """Read and remember."""
        self.windows.append(window)
        return self._scenes.read(scene, window)


class Bare:
    """Image and labels as the libraries below give them, with handles for each thread."""

    def __init__(self, folder: Path, image: str) -> None:
        self._folder, self._image = folder, image
        self._local = threading.local()

    def read(self, window: Window) -> None:
        """Read a window of both."""
        if not hasattr(self._local, "labels"):
            self._local.labels = rasterio.open(self._folder / "labels.tif")
            path = self._folder / self._image
            zarr_array = path.suffix == ".zarr"
            self._local.image = (
                zarr.open_array(path, mode="r") if zarr_array else rasterio.open(path)
            )
        square = rasterio.windows.Window(window.col, window.row, window.width, window.height)
        self._local.labels.read(1, window=square)
        if isinstance(self._local.image, zarr.Array):
            self._local.image[window.slices]
        else:
            self._local.image.read(window=square)


def run_bare(bare: Bare, windows: Sequence[Window], readers: int) -> None:
    """Read windows, so many at a time."""
    with ThreadPoolExecutor(readers) as threads:
        for _ in threads.map(bare.read, windows):
            pass


def timed(work: Callable[[], object]) -> Time:
    """Time a piece of work, all threads together for the processor's part."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Time(time.perf_counter() - wall, time.process_time() - processor)


def run_pipeline(stream: SampleStream, first: int, batches: int, readers: int) -> None:
    for _ in tf_dataset(stream, first, batches, readers=readers, deterministic=True):
        pass


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What `tf.data` is told."""

    readers: int = 1
    ahead: int = 0
    """Batches that are made ahead."""
    ordered: bool = True
    cached: bool = False

    def dataset(self, stream: SampleStream, first: int, batches: int) -> Any:
        """Return batches of a stream."""
        import tensorflow as tf

        def load(index: Any) -> Any:
            def make(number: Any) -> tuple[NDArray[Any], ...]:
                sample = stream.sample(int(number))
                return sample.pixels, sample.labels, sample.weights

            return tf.numpy_function(make, [index], (tf.float32, tf.int32, tf.float32))

        numbers = tf.data.Dataset.range(first * BATCH, (first + batches) * BATCH)
        made = numbers.map(load, num_parallel_calls=self.readers, deterministic=self.ordered)
        if self.readers == 1:
            made = numbers.map(load)  # in the thread that asks, and not before it asks
        made = made.batch(BATCH, drop_remainder=True)
        made = made.cache() if self.cached else made
        options = tf.data.Options()
        options.threading.private_threadpool_size = self.readers
        options.deterministic = self.ordered
        # Or it makes batches ahead of its own accord.
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False
        options.experimental_optimization.inject_prefetch = False
        return (made.prefetch(self.ahead) if self.ahead else made).with_options(options)


def pipelines(readers: int) -> dict[str, Pipeline]:
    """Name the pipelines that are compared."""
    return {
        "1 reader": Pipeline(),
        f"{readers} readers": Pipeline(readers=readers),
        "1 reader, 2 ahead": Pipeline(ahead=2),
        f"{readers} readers, 2 ahead": Pipeline(readers=readers, ahead=2),
        f"{readers} readers, 2 ahead, any order": Pipeline(readers=readers, ahead=2, ordered=False),
        "kept in memory": Pipeline(readers=readers, ahead=2, cached=True),
    }


def run_device(dataset: Any, seconds: float) -> None:
    """Take batches as a device does that computes beside the processor."""
    for _ in dataset:
        time.sleep(seconds)


def compare_pipelines(stream: SampleStream, chosen: argparse.Namespace) -> None:
    """Print the table of what `tf.data` can be told."""
    alone: dict[str, list[Time]] = {}
    device: dict[str, list[Time]] = {}
    for turn in range(chosen.rounds):
        for name, pipeline in pipelines(chosen.readers).items():
            dataset = pipeline.dataset(stream, turn * chosen.batches, chosen.batches)
            if pipeline.cached:
                run_device(dataset, 0)  # the pass that fills the memory
            alone.setdefault(name, []).append(timed(partial(run_device, dataset, 0)))
            work = partial(run_device, dataset, chosen.device / 1e3)
            device.setdefault(name, []).append(timed(work))
    print(
        f"\nms/batch, least (median) of {chosen.rounds}; device: a batch takes {chosen.device} ms"
    )
    print(f"{'':<32} {'samples alone':>16} {'with the device':>18}")
    for name, times in alone.items():
        cells = []
        for found in (times, device[name]):
            walls = [1e3 * each.wall / chosen.batches for each in found]
            cells.append(f"{min(walls):.0f} ({statistics.median(walls):.0f})")
        print(f"{name:<32} {cells[0]:>16} {cells[1]:>18}")
    megabytes = chosen.batches * BATCH * SIZE**2 * (4 * stream.shape[2] + 8) / 1e6
    print(f"kept in memory: {megabytes:.0f} MB for {chosen.batches} batches")


def make_step(bands: int) -> Callable[[NDArray[Any], NDArray[Any]], object]:
    """The default U-Net as training runs it on this machine."""
    import keras

    from tilesegm.model.device import native_bfloat16
    from tilesegm.networks.build import build
    from tilesegm.networks.settings import ModelSettings
    from tilesegm.training.mixed_precision import twin_of

    model = build(ModelSettings(filters=16), bands, CLASSES)
    if native_bfloat16():
        model = twin_of(model, "bfloat16")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile(keras.optimizers.AdamW(1e-3, global_clipnorm=1.0), loss, jit_compile=False)
    print(f"step: {model.count_params()} weights, {'bfloat16' if native_bfloat16() else 'float32'}")
    return model.train_on_batch


def show(name: str, times: Sequence[Time], samples: int) -> float:
    """Print a row, and return the median seconds of a batch."""
    wall = statistics.median(time.wall for time in times) / samples
    processor = statistics.median(time.processor for time in times) / samples
    rate = SIZE * SIZE / wall / 1e6
    print(
        f"{name:<16} {1e3 * wall:>10.2f} {1e3 * processor:>14.2f} {rate:>8.1f} "
        f"{BATCH * 1e3 * wall:>10.1f}"
    )
    return wall * BATCH


def main() -> None:
    """Print the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192, help="of the image, a multiple of 512")
    parser.add_argument("--batches", type=int, default=24, help="of a round")
    parser.add_argument("--steps", type=int, default=4, help="of the model in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", type=float, default=100, help="ms of a batch on a device")
    parser.add_argument("--readers", type=int, default=os.cpu_count(), help="threads")
    chosen = parser.parse_args()
    samples = chosen.batches * BATCH
    times: dict[str, list[Time]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder, chosen.side)
        recorders, streams = {}, {}
        for kind in KINDS:
            scenes = open_image(folder, f"image.{kind}")
            recorders[kind] = Recorder(scenes)
            streams[kind] = make_stream(scenes, recorders[kind])
        step = make_step(3)
        batch = streams["tif"].batch(0)
        step(batch.pixels, batch.labels)
        for turn in range(chosen.rounds):
            for kind, stream in streams.items():
                recorders[kind].windows.clear()
                run = partial(
                    run_pipeline, stream, turn * chosen.batches, chosen.batches, chosen.readers
                )
                times.setdefault(f"{kind} pipeline", []).append(timed(run))
                bare = Bare(folder, f"image.{kind}")
                run = partial(run_bare, bare, recorders[kind].windows, chosen.readers)
                times.setdefault(f"{kind} bare", []).append(timed(run))
            times.setdefault("step", []).append(
                timed(lambda: [step(batch.pixels, batch.labels) for _ in range(chosen.steps)])
            )
        report(times, chosen, samples)
        compare_pipelines(streams["tif"], chosen)


def report(times: dict[str, list[Time]], chosen: argparse.Namespace, samples: int) -> None:
    """Print the first table."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, {chosen.readers} readers, load {load:.1f} (1 minute)")
    print(f"{'':<16} {'ms/sample':>10} {'processor ms':>14} {'MP/s':>8} {'ms/batch':>10}")
    seconds = {
        name: show(name, found, chosen.steps * BATCH if name == "step" else samples)
        for name, found in times.items()
    }
    for kind in KINDS:
        print(f"step / {kind} pipeline: {seconds['step'] / seconds[f'{kind} pipeline']:.1f}")


if __name__ == "__main__":
    main()
