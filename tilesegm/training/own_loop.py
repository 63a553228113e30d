"""The parts of a run for a loop of one's own: windows, a network ready to learn, and its bundle."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any, Literal

import keras

from tilesegm.checks import one_of
from tilesegm.data.scene_resolution import learnt_resolution
from tilesegm.errors import InputError, SettingsError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.losses.weighting import WeightedModel
from tilesegm.metrics.keras import Dice, IoU
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.networks.build import inference_model
from tilesegm.training.checked_config import load_checked_config
from tilesegm.training.datasets import keras_passes, tf_passes, tf_windows
from tilesegm.training.devices import open_devices
from tilesegm.training.optimizer import averaged_weights
from tilesegm.training.preparation import make_stream
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import config_digest, plain_config
from tilesegm.training.setup import RunSetup, make_network, open_run_scenes
from tilesegm.training.trainee import Trainee
from tilesegm.training.unwritten_setup import unwritten_setup
from tilesegm.training.validation.held_out import lay_validation_grids
from tilesegm.training.validation.windows import HeldOutWindows

__all__ = ["build", "dataset", "save_model"]

Role = Literal["train", "validation", "test"]
Kind = Literal["tf", "keras"]


def dataset(
    config: TrainingConfig | str | Path,
    role: Role = "train",
    *,
    endless: bool = False,
    kind: Kind | None = None,
    folder: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> Any:
    """Return the windows that `train` learns from, or those of held-out pixels.

    ``train`` gives the batches of `train`: windows with their augmentation, labels and weights, an
    epoch at each pass, and at the next pass the next epoch. No held-out pixel is in them, and no
    label nearer to one than the buffer. Places that a network finds hard (``sampling.hard``) need
    one, and lie anywhere here.

    ``validation`` and ``test`` give every held-out pixel with its label once, without augmentation,
    in the tiles of ``validation.tile`` pixels that `train` validates with. A tile shows all that
    lies around; the label is ``IGNORE`` (-1) and the weight 0 where another tile counts, or nothing
    is held out. Other weights are 1.

    Images stay open as long as the dataset, or one that is made of it. Nothing is written to the
    folder of the run; its split and statistics are used where `train` has left them there.

    Args:
        config: settings, or the file of them.
        role: what to give.
        endless: whether training windows go on without end, for ``fit(steps_per_epoch=...)``.
        kind: ``tf`` for a ``tf.data.Dataset``, ``keras`` for a ``keras.utils.PyDataset``; when not
            given that of the Keras backend.
        folder: where relative paths of ``config`` begin; the working directory when not given.
        on_event: called with progress and notes.

    Returns:
        Batches of pixels ``(N, height, width, bands)`` float32, normalised; labels
        ``(N, height, width)`` int32; and weights ``(N, height, width)`` float32.

    Raises:
        InputError: settings, images and labels cannot be used, or nothing has this role.
        ResumeError: the settings of the run in the folder cannot be read.
    """
    one_of("role", role, Role)
    if kind is None:
        kind = "tf" if keras.backend.backend() == "tensorflow" else "keras"
    one_of("kind", kind, Kind)
    if endless and role != "train":
        raise SettingsError(f"endless is for the role train; {role} gives every pixel once")
    config, base = _read(config, folder)
    setup = unwritten_setup(config, base, on_event)
    try:
        if role == "train":
            return _training(setup, kind, endless, on_event)
        return _held_out(setup, role, kind)
    except BaseException:
        setup.data.scenes.close()
        raise


def build(
    config: TrainingConfig | str | Path,
    *,
    folder: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> keras.Model:
    """Return the network of a run, compiled as `train` does: loss, optimizer and its schedule.

    It measures mean IoU and mean Dice over the classes that the labels show, as the validation of
    `train`. ``fit`` on the windows of `dataset` takes the steps of `train`, and does not keep the
    best epoch; rules of ``loss.weighting`` that go by epochs need ``fit``. Its network, without the
    losses, is ``model.inference_network``; `save_model` makes a bundle of it.

    Args:
        config: settings, or the file of them.
        folder: where relative paths of ``config`` begin; the working directory when not given.
        on_event: called with notes.

    Returns:
        A `WeightedModel`, a ``keras.Model`` that knows its losses.

    Raises:
        InputError: settings, start weights and images cannot be used.
    """
    config, base = _read(config, folder)
    devices = open_devices(config.device, config.optimizer.accumulate)
    devices.check_batch(config.schedule.batch)
    with open_run_scenes(config, base) as scenes:
        network, _ = make_network(config, scenes, on_event)
        names = [entry.name for entry in scenes.classes]
    trainee = Trainee(network, config, devices)
    with devices.scope():
        metrics = [kind(names, labelled=True) for kind in (IoU, Dice)]
    trainee.compile(trainee.xla, metrics)
    return trainee.trained


def save_model(
    model: keras.Model,
    config: TrainingConfig | str | Path,
    path: str | Path,
    *,
    folder: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Save what a loop of one's own has learnt as a bundle, for `segment` and ``predict -m``.

    Where settings ask for a moving average of the weights (``optimizer.ema``), that is saved.

    Args:
        model: what `build` returned, or what Keras opens of a bundle of these settings.
        config: the settings that it was built from, or the file of them.
        path: folder of the bundle.
        folder: where relative paths of ``config`` begin; the working directory when not given.
        overwrite: whether an existing bundle is replaced.

    Raises:
        InputError: the model was not built from these settings.
        OutputError: the folder exists, or cannot be written.
    """
    config, base = _read(config, folder)
    setup = unwritten_setup(config, base, ignore)
    with setup.data.scenes as scenes:
        trained = model.inference_network if isinstance(model, WeightedModel) else model
        inference = inference_model(setup.network)
        # A bundle holds the finest of several outputs, with the layers that this one needs.
        alike = [each for each in (setup.network, inference) if _weights(each) == _weights(trained)]
        if not alike:
            raise InputError(
                f"{getattr(model, 'name', model)!r} is no network of these settings; pass what "
                "build returned for them, or what keras.saving.load_model opens of a bundle of "
                "theirs (BUNDLE/model.keras)"
            )
        alike[0].set_weights(averaged_weights(getattr(model, "optimizer", None), trained))
        info = BundleInfo(
            classes=scenes.classes,
            normalisation=setup.normalisation,
            band_names=scenes.band_names,
            pixels=setup.data.standardisation,
            training={
                "settings": plain_config(config),
                "settings_sha256": config_digest(config),
                "inputs": {each.name: dict(each.identity) for each in scenes.infos},
                "loop": "own",
            },
            resolution=learnt_resolution(config.data.resolution, scenes.images),
        )
        return save_bundle(path, inference, info, overwrite=overwrite)


def _weights(network: Any) -> list[tuple[str, tuple[int, ...]]] | None:
    """Return what the weights are and their shapes, in their order; None for no network."""
    weights = network.weights if isinstance(network, keras.Model) else None
    return weights and [(weight.name, tuple(weight.shape)) for weight in weights]


def _read(
    config: TrainingConfig | str | Path, folder: str | Path | None
) -> tuple[TrainingConfig, Path]:
    """Return settings, and where their relative paths begin: a file of settings knows its own."""
    if not isinstance(config, TrainingConfig):
        config, folder = load_checked_config(config), None
    if config.device.distribute == "workers":
        raise SettingsError(
            "device.distribute is 'workers', which train alone can do; pass 'mirrored' or 'none'"
        )
    return config, Path(folder or ".")


def _training(setup: RunSetup, kind: Kind, endless: bool, on_event: OnEvent) -> Any:
    config = setup.config
    stream = make_stream(setup.data, config, setup.normalisation)
    weakref.finalize(stream, setup.data.scenes.close)
    if config.sampling.hard:
        share = f"{config.sampling.hard:g}"
        on_event(Noted(f"sampling.hard is {share}; without a network those windows lie anywhere"))
    readers = config.device.readers
    count = None if endless else config.schedule.steps * config.optimizer.accumulate
    if kind == "tf":
        return tf_passes(stream, count, readers=readers)
    return keras_passes(stream, count, fresh=True, readers=readers or 1)


def _held_out(setup: RunSetup, role: Role, kind: Kind) -> Any:
    config, data = setup.config, setup.data
    grids = lay_validation_grids(data.scenes, setup.spec, config.validation, blend="crop")
    schedule, tile = config.schedule, config.validation.tile
    windows = HeldOutWindows(
        data,
        grids,
        setup.normalisation,
        max(1, schedule.batch * schedule.size**2 // tile**2),
        "test" if role == "test" else "held_out",
    )
    if not windows.places:
        advice = "give scenes the role test" if role == "test" else "set split.strategy"
        raise SettingsError(f"no pixel has the role {role}; {advice}")
    weakref.finalize(windows, data.scenes.close)
    readers = config.device.readers
    if kind == "tf":
        return tf_windows(windows, readers=readers)
    return keras_passes(windows, windows.batches, fresh=False, readers=readers or 1)
