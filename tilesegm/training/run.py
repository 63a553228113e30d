"""Trains a network as settings say, and saves it as a bundle."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.data.scene_resolution import learnt_resolution
from tilesegm.data.scenes import Scenes
from tilesegm.errors import ModelError, OutputError, ResumeError
from tilesegm.events import Noted, OnEvent, RunEnded, StageStarted, ignore
from tilesegm.metrics.confusion import Scores
from tilesegm.model.bundle import BundleInfo, read_bundle, save_bundle, sha256_of
from tilesegm.training.checked_config import load_checked_config
from tilesegm.training.decision import TrainedDecision
from tilesegm.training.devices import open_devices
from tilesegm.training.gallery import Gallery
from tilesegm.training.loop import Loop
from tilesegm.training.own_losses import with_sources
from tilesegm.training.preparation import make_stream
from tilesegm.training.reads import check_reads
from tilesegm.training.report import write_report
from tilesegm.training.result import ResultData, TrainingResult, load_result, save_result
from tilesegm.training.run_folder import TRAIN_FROM_SCRATCH, RunFolder, open_run
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import config_digest, plain_config
from tilesegm.training.setup import RunSetup, open_run_scenes, set_up
from tilesegm.training.trainee import Trainee
from tilesegm.training.validation.validator import Validator

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
        config: settings, or the file of them.
        folder: where relative paths of ``config`` begin; the working directory when not given. A
            file of settings knows its own.
        overwrite: whether a run that is in the output folder is dropped.
        on_event: called with progress.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: the folder of the run cannot be written.
        ResumeError: the folder holds a run with other settings or data, or one in progress.
    """
    if not isinstance(config, TrainingConfig):
        config, folder = load_checked_config(config), None
    base = Path(folder or ".")
    with open_run_scenes(config, base) as scenes:
        return train_on(scenes, config, folder=base, overwrite=overwrite, on_event=on_event)


def train_on(
    scenes: Scenes,
    config: TrainingConfig,
    *,
    folder: str | Path = ".",
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    until: int | None = None,
) -> TrainingResult:
    """Train a network from scenes that are open already; see `train`.

    Args:
        scenes: images with labels, such as `scenes_in_memory` makes of arrays.
        config: settings; ``data`` is not used.
        folder: where relative paths of ``config`` begin.
        overwrite: whether a run that is in the output folder is dropped.
        on_event: called with progress.
        until: epochs of the same schedule after which the run pauses, to go on with another call;
            the bundle then has the weights of that epoch, and nothing is scored. None for all.

    Raises:
        InputError: settings and scenes do not fit each other.
        OutputError: the folder of the run cannot be written, or its finished model is damaged.
        ResumeError: the folder holds a run with other settings or data, or one in progress.
    """
    began = time.monotonic()
    config = with_sources(config)
    devices = open_devices(config.device, config.optimizer.accumulate)
    devices.check_batch(config.schedule.batch)
    workers = devices.workers
    workers.check_same(config_digest(config), "settings")
    workers.check_same([(info.name, info.height, info.width) for info in scenes.infos], "scenes")
    told: list[str] = []
    with ExitStack() as opened:

        def begin() -> tuple[RunFolder, TrainingResult | None]:
            path = Path(folder) / config.output
            if overwrite or not RunFolder(path).settings.exists():
                check_reads(RunFolder(path), config, Path(folder), scenes)
            run = opened.enter_context(open_run(path, config, overwrite=overwrite))
            if run.result.exists():
                result = load_result(run.result, run.model)
                damage = _damage_of(run.model)
                if damage and not run.last.exists():
                    told.append(f", but {damage}, and there is no checkpoint to make it from")
                if not damage or told:
                    return run, result
                if run.model.exists():
                    raise OutputError(
                        f"{damage}, or remove {run.model} and run the same command again: it is "
                        "made from the checkpoints"
                    )
                on_event(Noted(f"{damage}; it is made again from the checkpoints of {run.path}"))
            identities = {info.name: info.identity for info in scenes.infos}
            run.claim_inputs(identities, config, overwrite)
            return run, None

        run, finished = workers.first(begin)
        if finished is not None:
            on_event(
                Noted(
                    f"nothing was done: the run in {run.path} is finished{''.join(told)}; "
                    f"{TRAIN_FROM_SCRATCH}"
                )
            )
            return finished
        setup = set_up(scenes, config, run, workers, on_event)
        trainee = Trainee(setup.network, config, devices)
        validator = Validator(trainee.inference, setup, trainee.precision, workers)
        stream = make_stream(setup.data, config, setup.normalisation)
        loop = Loop(config, run, trainee, stream, validator)
        try:
            loop.resume(on_event)
        except ResumeError:
            run.forget()  # or the advice to pass overwrite would lead here again
            raise
        on_event(StageStarted("training"))
        loop.run(on_event, until)
        if not loop.is_over:
            return workers.first(lambda: _pause(run, setup, loop, began))
        on_event(StageStarted("segmenting all held-out pixels"))
        result = workers.first(lambda: _finish(run, setup, loop, began))
    on_event(RunEnded(str(result.folder), result.seconds))
    return result


def _damage_of(model: Path) -> str:
    """Say what is wrong with the bundle of a finished run; nothing where it is whole."""
    if not model.exists():
        return f"the model {model} is gone"
    try:
        read_bundle(model).verify()
    except ModelError as error:
        return str(error)
    return ""


def _finish(run: RunFolder, setup: RunSetup, loop: Loop, began: float) -> TrainingResult:
    """Validate everything with the best weights, and write bundle, report and result."""
    loop.take_best()
    data, progress = setup.data, loop.progress
    scenes = data.scenes
    gallery = Gallery(scenes, data.statistics)
    by_scene: dict[str, NDArray[np.int64]] = {}
    sums = {}
    decision = TrainedDecision.choose(loop.validator)
    for kind in ("held_out", "test"):
        total = np.zeros((len(scenes.classes),) * 2, np.int64)
        for region in decision.validate(kind):
            total += region.confusion
            name = scenes.infos[region.scene].name
            by_scene[name] = by_scene.get(name, 0) + region.confusion
            gallery.add(region)
        sums[kind] = _rows(total) if total.any() else ()
    scores = {kind: _scores(rows) for kind, rows in sums.items()}
    learnt = loop.stream.places.counts.tolist()
    info = _bundle_info(run, setup, loop)
    told = {**info.training, "best_epoch": progress.best_epoch, "scores": scores}
    info = replace(info, operating_point=decision.point(), training=told)
    save_bundle(run.model, loop.trainee.inference, info, overwrite=True)
    result = replace(
        _result(run, loop, began),
        validation=sums["held_out"],
        test=sums["test"],
        decision=decision.facts(),
    )
    write_report(
        ResultData(
            result=result,
            classes=scenes.classes,
            train_counts=tuple(learnt),
            settings=plain_config(setup.config),
            start=setup.start,
            scenes={name: _rows(counts) for name, counts in by_scene.items()},
            best=gallery.best(),
            worst=gallery.worst(),
            notes=setup.notes,
            split_picture=run.split_picture,
            curve=decision.chosen.curve if decision.chosen else None,
            decided=decision.counts.get("held_out"),
            path=run.report,
        )
    )
    save_result(run.result, result)
    return result


def _pause(run: RunFolder, setup: RunSetup, loop: Loop, began: float) -> TrainingResult:
    """Write a bundle of the weights as they are; checkpoints let the run go on."""
    loop.trainee.copy_weights_back()
    info = _bundle_info(run, setup, loop)
    save_bundle(run.model, loop.trainee.inference, info, overwrite=True)
    return _result(run, loop, began)


def _bundle_info(run: RunFolder, setup: RunSetup, loop: Loop) -> BundleInfo:
    """Return what a bundle tells beside its network, of whatever epoch that is."""
    scenes = setup.data.scenes
    names = [entry.name for entry in scenes.classes]
    learnt = loop.stream.places.counts.tolist()
    return BundleInfo(
        classes=scenes.classes,
        normalisation=setup.normalisation,
        band_names=scenes.band_names,
        pixels=setup.data.standardisation,
        training={**_origin(run, setup), "pixels": dict(zip(names, learnt, strict=True))},
        resolution=learnt_resolution(setup.config.data.resolution, scenes.images),
    )


def _result(run: RunFolder, loop: Loop, began: float) -> TrainingResult:
    """Return what is known of a run without scores."""
    progress = loop.progress
    return TrainingResult(
        folder=run.path,
        bundle=run.model,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        best_score=progress.best or 0.0,
        history=tuple(progress.history),
        validation=(),
        test=(),
        seconds=time.monotonic() - began,
    )


def _origin(run: RunFolder, setup: RunSetup) -> dict[str, Any]:
    """Return what the bundle tells about where its weights come from."""
    backend = keras.backend.backend()
    return {
        "settings": plain_config(setup.config),
        "settings_sha256": config_digest(setup.config),
        "split_sha256": sha256_of(run.split),
        "inputs": {info.name: dict(info.identity) for info in setup.data.scenes.infos},
        "versions": {name: import_module(name).__version__ for name in ("numpy", "keras", backend)},
        "backend": backend,
    }


def _scores(rows: tuple[tuple[int, ...], ...]) -> dict[str, Any]:
    if not rows:
        return {}
    scores = Scores(np.array(rows, np.int64))
    iou = [float(value) if np.isfinite(value) else None for value in scores.iou]
    return {"mean_iou": scores.mean_iou, "accuracy": scores.accuracy, "iou": iou}


def _rows(counts: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in counts.tolist())
