"""Everything that decides a training run, as one file of settings holds it."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from tilesegm.checks import in_range, settings
from tilesegm.data.settings import (
    AugmentationSettings,
    BorderWeightSettings,
    DataSettings,
    SamplingSettings,
    SplitSettings,
)
from tilesegm.networks.settings import ModelSettings

__all__ = [
    "ClassWeighting",
    "DeviceSettings",
    "LossSettings",
    "OptimizerSettings",
    "ScheduleSettings",
    "TrainingConfig",
    "ValidationSettings",
]

ClassWeighting = Literal["none", "inverse", "median", "effective"]


@settings("loss")
class LossSettings:
    """What is minimised."""

    terms: tuple[dict[str, Any], ...] = ({"name": "dice_ce"},)
    """Losses to add: ``name``, ``factor`` (1) and the arguments of each, see `tilesegm losses`."""
    weighting: dict[str, Any] | None = None
    """Rule that weighs the terms while training: ``name`` (uncertainty, softadapt, dwa, random,
    gls, gradnorm, scheduled) and its arguments; the factors alone when not given."""
    class_weights: ClassWeighting = "none"
    """Weights of classes in the pixel weights, from counts of training pixels."""
    border_weights: BorderWeightSettings | None = None
    label_smoothing: float = 0.0
    """Of cross-entropy terms that do not say otherwise."""

    def __post_init__(self) -> None:
        in_range("loss.label_smoothing", self.label_smoothing, 0, 1, "[)", what="a fraction")


@settings("optimizer")
class OptimizerSettings:
    """How weights follow gradients."""

    learning_rate: float = 2e-3
    """Highest learning rate."""
    weight_decay: float = 1e-4
    """Part of each weight, times the learning rate, that AdamW takes off at an update."""
    clip: float | None = 1.0
    """Largest global norm of gradients."""
    accumulate: int = 1
    """Batches whose gradients make one update."""
    ema: float | None = None
    """Momentum of the moving average of weights, such as 0.999, which is validated and saved in
    place of the weights; none when not given."""

    def __post_init__(self) -> None:
        in_range("optimizer.learning_rate", self.learning_rate, 0, ends="(]")
        in_range("optimizer.weight_decay", self.weight_decay, 0, 1, "[)")
        in_range("optimizer.clip", self.clip, 0, ends="(]", what="null or a norm")
        in_range("optimizer.accumulate", self.accumulate, 1, what="a number of batches")
        in_range("optimizer.ema", self.ema, 0, 1, "()", what="null or a momentum such as 0.999,")


@settings("schedule")
class ScheduleSettings:
    """How long is trained. An epoch is what lies between two looks at held-out pixels."""

    epochs: int = 20
    """Epochs of the run."""
    steps: int = 100
    """Updates an epoch, of ``accumulate`` batches each."""
    batch: int = 8
    """Windows a batch, on all devices together."""
    size: int = 256
    """Side of a window in pixels, a multiple of the network's total stride."""
    warm_up: float = 0.05
    """Part of the run in which the learning rate rises."""
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate falls after the warm-up."""
    patience: int | None = None
    """Epochs without a better score after which training stops; never when not given."""

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch", "size"):
            in_range(f"schedule.{name}", getattr(self, name), 1)
        in_range("schedule.warm_up", self.warm_up, 0, 1, what="a fraction of the run")
        in_range("schedule.patience", self.patience, 1, what="null or a number of epochs")


@settings("validation")
class ValidationSettings:
    """How held-out pixels are looked at: the network segments them by tiles, as `predict` does."""

    every: int = 1
    """Epochs between two looks."""
    metric: Literal["mean_iou", "mean_dice", "accuracy", "loss"] = "mean_iou"
    """What the best network is chosen by: a mean over the classes that the held-out labels show,
    the accuracy, or ``loss``, which is the training loss."""
    tile: int = 512
    """Side of a tile in pixels."""
    overlap: int = 64
    """Pixels that neighbouring tiles share."""
    megapixels: float | None = 16.0
    """Most held-out pixels to look at each time, in millions; all at the end of training."""

    def __post_init__(self) -> None:
        in_range("validation.every", self.every, 1, what="a number of epochs")
        in_range("validation.tile", self.tile, 1, what="pixels")
        in_range("validation.overlap", self.overlap, 0, self.tile, "[)", what="pixels")
        in_range("validation.megapixels", self.megapixels, 0, ends="(]", what="null or a number")


@settings("device")
class DeviceSettings:
    """Where and how numbers are computed."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Inside the network; weights, scores and losses are float32. ``auto`` takes bfloat16 where it
    is native."""
    xla: bool | None = None
    """Whether XLA compiles the step; measured choice for the device when not given."""
    distribute: Literal["none", "mirrored", "workers"] = "none"
    """``mirrored``: all devices of this machine share each batch. ``workers``: those of several
    processes, on this machine or others, with JAX."""
    readers: int = 0
    """Threads that read and augment; one a core when 0."""
    deterministic: bool = False
    """Make two runs equal to the last bit, at some cost of speed."""

    def __post_init__(self) -> None:
        in_range("device.readers", self.readers, 0, what="a number of threads")


@settings()
class TrainingConfig:
    """A training run."""

    data: DataSettings
    output: str = "run"
    """Folder of the run: checkpoints, log, split, report, and the bundle ``model``."""
    split: SplitSettings = field(default_factory=SplitSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    device: DeviceSettings = field(default_factory=DeviceSettings)
    seed: int = 0
    """Decides first weights, windows and their changes."""

    def __post_init__(self) -> None:
        in_range("seed", self.seed, 0)
