"""A run up to its first step: what it would learn from, with which network, and for how long."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.split.pieces import ROLES
from tilesegm.data.split.split import Split
from tilesegm.data.statistics import SceneStatistics
from tilesegm.data.stream import SampleStream
from tilesegm.events import OnEvent, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.start_weights import StartWeights
from tilesegm.training.devices import open_devices
from tilesegm.training.own_losses import with_sources
from tilesegm.training.preparation import make_stream
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.setup import RunSetup, set_up_aside
from tilesegm.training.trainee import Trainee
from tilesegm.training.validation.validator import Validator

__all__ = ["ClassPixels", "DryRun", "dry_run"]


@dataclass(frozen=True, kw_only=True)
class ClassPixels:
    """Labelled pixels of a class."""

    name: str
    pixels: int
    """Of all scenes."""
    learnt: int
    """That may be learnt from."""
    held_out: int
    """In blocks or scenes that are held out."""
    test: int
    """In scenes that are kept for the test."""


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """A run that was not made."""

    output: str
    scenes: int
    pixels: int
    bands: tuple[str, ...]
    dtype: str
    classes: tuple[ClassPixels, ...]
    normalisation: Normalisation
    split: str
    folds: int
    fold: int
    roles: dict[str, int]
    """Number of scenes by role, of those that have one; the others are dealt to folds."""
    buffer: int
    """Pixels around held-out ones that are not learnt from."""
    notes: tuple[str, ...]
    """Warnings about the split and the scores that come of it, and settings without effect."""
    model: str
    parameters: int
    start: StartWeights | None
    """Layers that start with weights of another network; None without ``model.weights``."""
    radius: int | None
    """Largest distance in pixels at which an input pixel changes a score; None when unknown."""
    stride: int
    precision: str
    epochs: int
    batches: int
    """Batches of the whole run."""
    batch: int
    size: int
    passes: float
    """How often the windows of the run cover the pixels of all scenes."""
    seconds_per_step: float
    """Measured on one batch, after compilation."""
    seconds_per_batch: float
    """Measured making one batch in one thread."""
    seconds: float
    """Of all steps, without validation; batches are made beside them."""
    peak_memory_bytes: int | None
    """Of this process, by the end of the step; None where the system does not tell."""

    def summary(self) -> dict[str, Any]:
        """Return the numbers as plain data for JSON."""
        return {
            **dataclasses.asdict(self),
            "start": None if self.start is None else self.start.layers,
        }


def dry_run(
    config: TrainingConfig, *, overwrite: bool = False, on_event: OnEvent = ignore
) -> DryRun:
    """Do everything that comes before the first step, time one step, and leave only statistics.

    Args:
        config: settings of the run.
        overwrite: whether a run that is in the output folder would be dropped.
        on_event: called with progress and notes.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: statistics cannot be written.
    """
    config = with_sources(config)
    devices = open_devices(config.device, config.optimizer.accumulate)
    devices.check_batch(config.schedule.batch)
    workers = devices.workers
    with set_up_aside(config, workers, overwrite=overwrite, on_event=on_event) as setup:
        trainee = Trainee(setup.network, config, devices)
        # Made for the tiles and windows that it refuses.
        Validator(trainee.inference, setup, trainee.precision)
        stream = make_stream(setup.data, config, setup.normalisation)
        on_event(StageStarted("timing one step"))
        making, step = _time(stream, trainee, bool(config.device.xla))
        return _describe(setup, stream, trainee, making, step)


def _count_roles(split: Split) -> dict[str, int]:
    """Count the scenes that have a role, and with it one piece that is in no fold."""
    names = {number: name for name, number in ROLES.items()}
    return {
        name: count
        for number, name in names.items()
        if (count := sum(piece.fold == number for piece in split.pieces))
    }


def _time(stream: SampleStream, trainee: Trainee, xla: bool) -> tuple[float, float]:
    """Return the seconds of making one batch in one thread, and of a step after the first."""
    workers = trainee.devices.workers
    stream.batch(0, workers.number, workers.count)
    began = time.perf_counter()
    batch = stream.batch(1, workers.number, workers.count)
    making = time.perf_counter() - began
    if keras.backend.backend() != "jax":
        # Compiling takes longer than a step; JAX does it in any case.
        trainee.compile(xla)
    arrays = (batch.pixels, batch.labels, batch.weights)
    with trainee.devices.scope():
        trainee.trained.train_on_batch(*arrays)
        began = time.perf_counter()
        trainee.trained.train_on_batch(*arrays)
        return making, time.perf_counter() - began


def _describe(
    setup: RunSetup, stream: SampleStream, trainee: Trainee, making: float, step: float
) -> DryRun:
    config, data, scenes = setup.config, setup.data, setup.data.scenes
    schedule = config.schedule
    batches = schedule.epochs * schedule.steps * config.optimizer.accumulate
    pixels = sum(info.height * info.width for info in scenes.infos)
    readers = config.device.readers or os.cpu_count() or 1
    return DryRun(
        output=config.output,
        scenes=len(scenes.infos),
        pixels=pixels,
        bands=tuple(scenes.band_names) or tuple(f"band {n + 1}" for n in range(scenes.bands)),
        dtype=str(scenes.dtype),
        classes=_count_classes(setup, stream),
        normalisation=setup.normalisation,
        split=data.split.strategy,
        folds=data.split.folds,
        fold=config.split.fold,
        roles=_count_roles(data.split),
        buffer=data.split.buffer,
        notes=setup.notes,
        model=setup.spec.name,
        parameters=setup.network.count_params(),
        start=setup.start,
        radius=setup.spec.radius,
        stride=setup.spec.stride,
        precision=trainee.precision,
        epochs=schedule.epochs,
        batches=batches,
        batch=schedule.batch,
        size=schedule.size,
        passes=batches * schedule.batch * schedule.size**2 / pixels,
        seconds_per_step=step,
        seconds_per_batch=making,
        seconds=batches * max(step, making / readers),
        peak_memory_bytes=_peak_memory(),
    )


def _count_classes(setup: RunSetup, stream: SampleStream) -> tuple[ClassPixels, ...]:
    """Count the labelled pixels of each class, as the report of the run does."""
    data = setup.data
    scenes, statistics = data.scenes, data.statistics
    total, held_out, test = (np.zeros(len(scenes.classes), np.int64) for _ in range(3))
    for number, (scene, view) in enumerate(zip(statistics, data.views, strict=True)):
        total += scene.counts.sum(axis=(0, 1))
        for sums, windows in ((held_out, view.held_out), (test, view.test)):
            for window in windows:
                sums += _count_window(scenes, number, scene, window)
    rows = zip(scenes.classes, total, stream.places.counts, held_out, test, strict=True)
    return tuple(
        ClassPixels(
            name=info.name,
            pixels=int(pixels),
            learnt=int(learnt),
            held_out=int(hidden),
            test=int(kept),
        )
        for info, pixels, learnt, hidden, kept in rows
    )


def _count_window(
    scenes: Scenes, number: int, statistics: SceneStatistics, window: Window
) -> NDArray[np.int64]:
    """Count the labelled pixels of each class in a window of a scene.

    Labels are read only where the window cuts cells of the statistics.
    """
    top, bottom = _whole_cells(window.row, window.stop_row, statistics.height, statistics.cell)
    left, right = _whole_cells(window.col, window.stop_col, statistics.width, statistics.cell)
    cells = (
        slice(-(-first // statistics.cell), -(-stop // statistics.cell))
        for first, stop in ((top, bottom), (left, right))
    )
    counts: NDArray[np.int64] = statistics.counts[tuple(cells)].sum(axis=(0, 1))
    around = (
        Window(window.row, window.col, top - window.row, window.width),
        Window(bottom, window.col, window.stop_row - bottom, window.width),
        Window(top, window.col, bottom - top, left - window.col),
        Window(top, right, bottom - top, window.stop_col - right),
    )
    for part in around:
        if part.pixels:
            labels = scenes.read_labels(number, part)
            counts += np.bincount(labels[labels != IGNORE], minlength=len(counts))
    return counts


def _whole_cells(start: int, stop: int, size: int, cell: int) -> tuple[int, int]:
    """Return the first pixel of the whole cells between two pixels of an axis, and their end."""
    first = min(-(-start // cell) * cell, stop)
    # The last cell is cut off by the image.
    return first, stop if stop == size else max(stop // cell * cell, first)


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
