"""What a run would learn from, with what, and how long it would take."""

from __future__ import annotations

import dataclasses
import math
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.data.split import SceneView
from tilesegm.data.training_data import TrainingData
from tilesegm.events import OnEvent, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.training.devices import open_devices
from tilesegm.training.examination import Examiner
from tilesegm.training.preparation import make_stream
from tilesegm.training.rehearsal import Rehearsal, rehearse
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.trainee import Trainee

__all__ = ["ClassForecast", "Forecast", "forecast"]


@dataclass(frozen=True)
class ClassForecast:
    """Labelled pixels of a class."""

    name: str
    pixels: int
    """Of all scenes."""
    learnt: int
    """That may be learnt from; cells of the statistics that are cut count by their share."""
    held_out: int
    """In blocks or scenes that are held out, likewise."""
    test: int


@dataclass(frozen=True)
class Forecast:
    """A run that was not made."""

    output: str
    scenes: int
    pixels: int
    bands: tuple[str, ...]
    dtype: str
    classes: tuple[ClassForecast, ...]
    split: str
    folds: int
    fold: int
    buffer: int
    """Pixels around held-out ones that are not learnt from."""
    notes: tuple[str, ...]
    """What one should know of the split before trusting scores."""
    model: str
    parameters: int
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
    """Of all steps, without looks at held-out pixels; batches are made beside them."""
    peak_memory_bytes: int
    """Of this process, by the end of the step."""

    def summary(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)


def forecast(config: TrainingConfig, *, on_event: OnEvent = ignore) -> Forecast:
    """Do all that comes before the first step, time one step, and leave only statistics behind.

    Args:
        config: settings of the run.
        on_event: called with progress.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: statistics cannot be kept.
    """
    keras.utils.set_random_seed(config.seed)
    devices = open_devices(config.device)
    devices.check_batch(config.schedule.batch)
    with rehearse(config, on_event) as ready:
        trainee = Trainee(ready.model, config, devices)
        # Made for what it refuses: tiles and windows that the network cannot take.
        Examiner(trainee.inference, ready.material, ready.normalisation, config, trainee.precision)
        on_event(StageStarted("timing one step"))
        making, step = _time(ready, trainee)
        return _describe(ready, trainee, making, step)


def _time(ready: Rehearsal, trainee: Trainee) -> tuple[float, float]:
    """Return the seconds of making one batch in one thread, and of a step after the first."""
    stream = make_stream(ready.material, ready.config, ready.normalisation)
    workers = trainee.devices.workers
    stream.batch(0, workers.number, workers.count)
    began = time.perf_counter()
    batch = stream.batch(1, workers.number, workers.count)
    making = time.perf_counter() - began
    if keras.backend.backend() != "jax":
        # Compiling takes longer than a step; JAX does it in any case.
        trainee.compile(bool(ready.config.device.xla))
    arrays = (batch.pixels, batch.labels, batch.weights)
    with trainee.devices.scope():
        trainee.trained.train_on_batch(*arrays)
        began = time.perf_counter()
        trainee.trained.train_on_batch(*arrays)
        return making, time.perf_counter() - began


def _describe(ready: Rehearsal, trainee: Trainee, making: float, step: float) -> Forecast:
    config, material, scenes = ready.config, ready.material, ready.material.scenes
    schedule = config.schedule
    batches = schedule.epochs * schedule.steps * config.optimizer.accumulate
    pixels = sum(info.height * info.width for info in scenes.infos)
    readers = config.device.readers or os.cpu_count() or 1
    return Forecast(
        output=config.output,
        scenes=len(scenes.infos),
        pixels=pixels,
        bands=tuple(scenes.band_names) or tuple(f"band {n + 1}" for n in range(scenes.bands)),
        dtype=str(scenes.dtype),
        classes=_classes(material),
        split=material.split.strategy,
        folds=material.split.folds,
        fold=config.split.fold,
        buffer=material.split.buffer,
        notes=(*scenes.notes, *material.split.notes),
        model=ready.spec.name,
        parameters=ready.model.count_params(),
        radius=ready.spec.radius,
        stride=ready.spec.stride,
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


def _classes(material: TrainingData) -> tuple[ClassForecast, ...]:
    """Count each class in all that is labelled, learnt from, held out and tested on."""
    classes = len(material.scenes.classes)
    total, learnt, held_out, test = (np.zeros(classes) for _ in range(4))
    for scene, view in zip(material.statistics, material.views, strict=True):
        for sums, shares in (
            (total, np.ones(scene.counts.shape[:2])),
            (learnt, view.shares(scene.cell)),
            (held_out, _hidden(view, view.held_out, scene.cell)),
            (test, _hidden(view, view.test, scene.cell)),
        ):
            sums += (scene.counts * shares[..., None]).sum(axis=(0, 1))
    return tuple(
        ClassForecast(known.name, *(math.floor(float(one) + 0.5) for one in row))
        for known, *row in zip(material.scenes.classes, total, learnt, held_out, test, strict=True)
    )


def _hidden(view: SceneView, windows: tuple[Window, ...], cell: int) -> NDArray[np.float64]:
    """Return which part of each cell lies in windows."""
    return 1.0 - SceneView(view.name, view.height, view.width, held_out=windows).shares(cell)


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
