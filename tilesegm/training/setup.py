"""A run that is ready for its first step: network, split, statistics and normalisation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.scene_notes import left_out, scene_notes, weight_notes
from tilesegm.data.scenes import Scenes
from tilesegm.data.training_data import TrainingData
from tilesegm.events import Noted, OnEvent, StageStarted, ignore
from tilesegm.model.base import ModelSpec
from tilesegm.model.keras_model import describe
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.build import build, inference_model
from tilesegm.networks.encoders import expected_normalisation
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.start_weights import StartWeights, load_start_weights
from tilesegm.training.preparation import prepare_data
from tilesegm.training.run_folder import TRAIN_FROM_SCRATCH, RunFolder
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.without_effect import without_effect
from tilesegm.training.situation import situation_of
from tilesegm.training.workers import Workers

__all__ = [
    "RunSetup",
    "choose_normalisation",
    "make_network",
    "open_run_scenes",
    "set_up",
    "set_up_aside",
]

_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class RunSetup:
    """What a run begins with."""

    config: TrainingConfig
    network: Any
    """Float32 Keras model; several outputs, the finest first, for deep supervision."""
    spec: ModelSpec
    """The network as it will be saved."""
    start: StartWeights | None
    """Layers that start with the weights of another network; None without ``model.weights``."""
    data: TrainingData
    normalisation: Normalisation
    notes: tuple[str, ...]
    """Facts to know before trusting the scores: hidden pixels, repaired polygons, the split, and
    settings without effect."""


def open_run_scenes(config: TrainingConfig, folder: Path = Path()) -> Scenes:
    """Open the images and labels of a run.

    Args:
        config: settings of the run.
        folder: where relative paths begin.

    Raises:
        InputError: files are missing, cannot be read, or do not fit each other.
    """
    return open_scenes(find_scenes(config.data, folder), config.data, config.loss.border_weights)


def set_up(
    scenes: Scenes,
    config: TrainingConfig,
    folder: RunFolder,
    workers: Workers | None = None,
    on_event: OnEvent = ignore,
) -> RunSetup:
    """Build the network, measure the scenes, and split them.

    Args:
        scenes: images with labels.
        config: settings of the run.
        folder: keeps the statistics and the split; those that it has are used again.
        workers: processes that train together.
        on_event: called with progress and notes.

    Raises:
        InputError: settings, start weights, images and labels do not fit each other.
        OutputError: statistics or the split cannot be written.
    """
    network, start = make_network(config, scenes, on_event)
    spec = describe(inference_model(network), network.name)
    buffer = config.schedule.size // 2 if spec.radius is None else spec.radius
    on_event(StageStarted("measuring"))
    data = prepare_data(scenes, config, folder, buffer, on_event, workers)
    notes = (
        *scenes.notes,
        *scenes.hidden(),
        *scenes.snapped(),
        *left_out(scenes, data.statistics),
        *data.split.notes,
        *scene_notes(scenes),
        *weight_notes(scenes, data.statistics),
        *without_effect(situation_of(config, data)),
    )
    for note in notes:
        on_event(Noted(note))
    return RunSetup(
        config=config,
        network=network,
        spec=spec,
        start=start,
        data=data,
        normalisation=choose_normalisation(data, config.model, start),
        notes=notes,
    )


def make_network(
    config: TrainingConfig, scenes: Scenes, on_event: OnEvent = ignore
) -> tuple[keras.Model, StartWeights | None]:
    """Build the network of a run, whose first weights follow from the seed.

    Args:
        config: settings of the run.
        scenes: what it learns from.
        on_event: called with a note on layers that start with weights of a file.

    Raises:
        InputError: settings or start weights cannot be used.
    """
    _settle_randomness(config)
    network = build(config.model, scenes.bands, len(scenes.classes))
    if config.model.weights is None:
        return network, None
    start = load_start_weights(network, config.model.weights)
    on_event(Noted(_describe_start(start, config.model.weights)))
    return network, start


@contextmanager
def set_up_aside(
    config: TrainingConfig,
    workers: Workers | None = None,
    *,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Iterator[RunSetup]:
    """Set up a run that is not made: of all files only the statistics stay in its folder.

    The split of an unfinished run is used where `train` would go on with that run.

    Args:
        config: settings of the run, whose paths are absolute or begin in the working directory.
        workers: processes that train together.
        overwrite: whether a run that is in the output folder would be dropped, unless an equal
            call with it began that run.
        on_event: called with progress and notes.

    Raises:
        InputError: settings, start weights, images and labels do not fit each other.
        OutputError: statistics cannot be written.
    """
    run = RunFolder(Path(config.output))
    goes_on = run.goes_on(config, overwrite)
    changed = run.changed_settings(config) if goes_on else {}
    if changed:
        on_event(
            Noted(
                f"{run.path} holds a run with other settings ({', '.join(changed)}), which `train` "
                f"refuses; {TRAIN_FROM_SCRATCH}"
            )
        )
    with (
        open_run_scenes(config) as scenes,
        tempfile.TemporaryDirectory(prefix="tilesegm-") as name,
    ):
        scratch = RunFolder(Path(name), statistics_in=run.path)
        if run.split.exists() and goes_on and not changed:
            shutil.copyfile(run.split, scratch.split)
        yield set_up(scenes, config, scratch, workers, on_event)


def choose_normalisation(
    data: TrainingData, settings: ModelSettings, start: StartWeights | None
) -> Normalisation:
    """Choose the normalisation that the first weights were made for, as far as there is one.

    Args:
        data: scenes and their statistics.
        settings: settings of the network.
        start: weights of another network, if the run starts from any.

    Returns:
        The normalisation of the network that a run starts from, or that of a pretrained encoder
        for three bands of 8 bits; otherwise every band is brought to mean 0 and deviation 1.
    """
    if start is not None and start.normalisation is not None:
        return start.normalisation
    scenes = data.scenes
    photographs = scenes.bands == 3 and scenes.dtype == np.uint8
    expected = expected_normalisation(settings) if photographs else None
    return expected or data.standardisation


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


def _describe_start(start: StartWeights, path: str) -> str:
    """Count the layers that have weights of a file, and name those that start from scratch."""
    copied, scratch = len(start.copied), start.from_scratch
    line = (
        f"{copied} {'layer starts' if copied == 1 else 'layers start'} with the weights of {path}"
    )
    if not scratch:
        return f"{line}, none from scratch"
    more = len(scratch) - _LISTED
    names = ", ".join(scratch[:_LISTED]) + (f" and {more} more" if more > 0 else "")
    return f"{line}, {len(scratch)} from scratch: {names}"
