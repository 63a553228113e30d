"""Trains a network as settings say, and saves it as a bundle."""

from __future__ import annotations

import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.scenes import Scenes
from tilesegm.data.training_data import TrainingData
from tilesegm.events import Noted, OnEvent, RunEnded, StageStarted, ignore
from tilesegm.metrics.confusion import Scores
from tilesegm.model.bundle import BundleInfo, save_bundle, sha256_of
from tilesegm.model.keras_model import describe
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.build import build, inference_model
from tilesegm.networks.start_weights import load_start_weights
from tilesegm.training.devices import open_devices
from tilesegm.training.examination import Examiner
from tilesegm.training.gallery import Gallery
from tilesegm.training.loop import Loop
from tilesegm.training.normalising import choose_normalisation
from tilesegm.training.preparation import make_stream, prepare_data
from tilesegm.training.report import write_report
from tilesegm.training.result import ResultData, TrainingResult, load_result, save_result
from tilesegm.training.run_folder import TRAIN_ANEW, RunFolder, open_run
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import config_digest, load_config, plain_config
from tilesegm.training.trainee import Trainee

__all__ = ["train", "train_on"]


def train(
    config: TrainingConfig | str | Path,
    *,
    folder: str | Path | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> TrainingResult:
    """Train a network from images and labels.

    Interrupted work is kept in the folder of the run, and goes on from the last whole epoch when
    the same call is made again; with ``device.deterministic`` to the same weights, bit for bit,
    as if it had not been interrupted.

    Args:
        config: Settings, or the file of them.
        folder: Where relative paths of ``config`` begin; the working directory when not given. A
            file of settings knows its own.
        overwrite: Whether a run that is in the output folder is dropped.
        on_event: Called with progress.

    Raises:
        InputError: Settings, images and labels cannot be used, or do not fit each other.
        OutputError: The folder of the run cannot be written.
        ResumeError: The folder holds a run with other settings or data, or one in progress.
    """
    if not isinstance(config, TrainingConfig):
        config, folder = load_config(config), None
    base = Path(folder or ".")
    files = find_scenes(config.data, base)
    scenes = open_scenes(files, config.data, config.loss.border_weights)
    try:
        return train_on(scenes, config, folder=base, overwrite=overwrite, on_event=on_event)
    finally:
        scenes.close()


def train_on(
    scenes: Scenes,
    config: TrainingConfig,
    *,
    folder: str | Path = ".",
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> TrainingResult:
    """Train a network from scenes that are open already; see :func:`train`.

    Args:
        scenes: Images with labels, such as `scenes_in_memory` makes of arrays.
        config: Settings; ``data`` is not looked at.
        folder: Where relative paths of ``config`` begin.
        overwrite: Whether a run that is in the output folder is dropped.
        on_event: Called with progress.

    Raises:
        InputError: Settings and scenes do not fit each other.
        OutputError: The folder of the run cannot be written.
        ResumeError: The folder holds a run with other settings or data, or one in progress.
    """
    began = time.monotonic()
    devices = open_devices(config.device, config.optimizer.accumulate)
    devices.check_batch(config.schedule.batch)
    workers = devices.workers
    workers.check_same(config_digest(config), "settings")
    workers.check_same([(one.name, one.height, one.width) for one in scenes.infos], "scenes")
    with ExitStack() as opened:

        def begin() -> tuple[RunFolder, TrainingResult | None]:
            path = Path(folder) / config.output
            run = opened.enter_context(open_run(path, config, overwrite=overwrite))
            if run.result.exists():
                return run, load_result(run.result, run.model)
            run.claim_inputs({info.name: info.identity for info in scenes.infos})
            return run, None

        run, finished = workers.first(begin)
        if finished is not None:
            on_event(Noted(f"nothing was done: the run in {run.path} is finished; {TRAIN_ANEW}"))
            return finished
        _settle_randomness(config)
        model = build(config.model, scenes.bands, len(scenes.classes))
        started = load_start_weights(model, config.model.weights) if config.model.weights else None
        spec = describe(inference_model(model), model.name)
        buffer = config.schedule.size // 2 if spec.radius is None else spec.radius
        on_event(StageStarted("measuring"))
        material = prepare_data(scenes, config, run, buffer, on_event, workers)
        for note in (*scenes.notes, *material.split.notes):
            on_event(Noted(note))
        normalisation = choose_normalisation(material, config.model, started)
        trainee = Trainee(model, config, devices)
        network, precision = trainee.inference, trainee.precision
        examiner = Examiner(network, material, normalisation, config, precision, workers)
        stream = make_stream(material, config, normalisation)
        loop = Loop(config, run, trainee, stream, examiner)
        loop.resume()
        on_event(StageStarted("training"))
        loop.run(on_event)
        on_event(StageStarted("looking at all held-out pixels"))
        result = workers.first(lambda: _finish(run, config, loop, normalisation, began))
    on_event(RunEnded(str(result.folder), result.seconds))
    return result


def _settle_randomness(config: TrainingConfig) -> None:
    """Make first weights follow from the seed and, if asked, sums from their terms alone."""
    keras.utils.set_random_seed(config.seed)
    if not config.device.deterministic:
        return
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        import torch

        torch.use_deterministic_algorithms(True)


def _finish(
    run: RunFolder, config: TrainingConfig, loop: Loop, normalisation: Normalisation, began: float
) -> TrainingResult:
    """Look at everything with the best weights, and write bundle, report and result."""
    loop.take_best()
    material, progress = loop.examiner.material, loop.progress
    scenes = material.scenes
    gallery = Gallery(scenes)
    by_scene: dict[str, NDArray[np.int64]] = {}
    sums = {}
    for kind in ("held_out", "test"):
        total = np.zeros((len(scenes.classes),) * 2, np.int64)
        for look in loop.examiner.examine_all(kind):
            total += look.confusion
            name = scenes.infos[look.part.scene].name
            by_scene[name] = by_scene.get(name, 0) + look.confusion
            gallery.add(look)
        sums[kind] = _rows(total) if total.any() else ()
    scores = {kind: _scores(rows) for kind, rows in sums.items()}
    info = BundleInfo(
        classes=scenes.classes,
        normalisation=normalisation,
        band_names=scenes.band_names,
        training=_card(run, config, material, progress.best_epoch, scores),
    )
    save_bundle(run.model, loop.trainee.inference, info, overwrite=True)
    result = TrainingResult(
        folder=run.path,
        bundle=run.model,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        best_score=progress.best or 0.0,
        history=tuple(progress.history),
        validation=sums["held_out"],
        test=sums["test"],
        seconds=time.monotonic() - began,
    )
    write_report(
        ResultData(
            result=result,
            classes=scenes.classes,
            train_counts=tuple(material.counts.tolist()),
            settings=plain_config(config),
            scenes={name: _rows(counts) for name, counts in by_scene.items()},
            best=gallery.best(),
            worst=gallery.worst(),
            notes=material.split.notes,
            split_picture=run.split_picture,
            path=run.report,
        )
    )
    save_result(run.result, result)
    return result


def _card(
    run: RunFolder,
    config: TrainingConfig,
    material: TrainingData,
    best_epoch: int,
    scores: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return what the bundle says of where its weights come from."""
    backend = keras.backend.backend()
    return {
        "settings": plain_config(config),
        "settings_sha256": config_digest(config),
        "split_sha256": sha256_of(run.split),
        "inputs": {info.name: dict(info.identity) for info in material.scenes.infos},
        "pixels": dict(zip(_names(material), material.counts.tolist(), strict=True)),
        "best_epoch": best_epoch,
        "scores": scores,
        "versions": {name: import_module(name).__version__ for name in ("numpy", "keras", backend)},
        "backend": backend,
    }


def _names(material: TrainingData) -> list[str]:
    return [entry.name for entry in material.scenes.classes]


def _scores(rows: tuple[tuple[int, ...], ...]) -> dict[str, Any]:
    if not rows:
        return {}
    scores = Scores(np.array(rows, np.int64))
    known = [float(value) if np.isfinite(value) else None for value in scores.iou]
    return {"mean_iou": scores.mean_iou, "accuracy": scores.accuracy, "iou": known}


def _rows(counts: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in counts.tolist())
