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
    """The loss that training minimises."""

    terms: tuple[dict[str, Any], ...] = ({"name": "dice_ce"},)
    """Losses to add: ``name``, ``factor`` (1) and the arguments of each, see `tilesegm losses`."""
    weighting: dict[str, Any] | None = None
    """Rule that weights the terms during training: ``name`` (uncertainty, softadapt, dwa, random,
    gls, gradnorm, scheduled) and its arguments; the factors alone when not given."""
    class_weights: ClassWeighting = "none"
    """Class weights from counts of training pixels; they multiply the weights of pixels."""
    border_weights: BorderWeightSettings | None = None
    label_smoothing: float = 0.0
    """Label smoothing of cross-entropy terms that do not set their own."""

    def __post_init__(self) -> None:
        in_range("loss.label_smoothing", self.label_smoothing, 0, 1, "[)", what="a fraction")


@settings("optimizer")
class OptimizerSettings:
    """AdamW, its learning rate, and the moving average of weights."""

    learning_rate: float = 2e-3
    """Highest learning rate."""
    weight_decay: float = 1e-4
    """Decoupled weight decay; an update subtracts this times the learning rate times the weight."""
    clip: float | None = 1.0
    """Global norm that gradients are clipped to; null for no clipping."""
    accumulate: int = 1
    """Number of batches whose gradients are accumulated for one update."""
    ema: float | None = None
    """Momentum of the moving average of weights, such as 0.999, which is validated and saved in
    place of the weights; no average when not given."""

    def __post_init__(self) -> None:
        in_range("optimizer.learning_rate", self.learning_rate, 0, ends="(]")
        in_range("optimizer.weight_decay", self.weight_decay, 0, 1, "[)")
        in_range("optimizer.clip", self.clip, 0, ends="(]", what="null or a norm")
        in_range("optimizer.accumulate", self.accumulate, 1, what="a number of batches")
        in_range("optimizer.ema", self.ema, 0, 1, "()", what="null or a momentum such as 0.999,")


@settings("schedule")
class ScheduleSettings:
    """Length of training, size of batches, and decay of the learning rate."""

    epochs: int = 20
    """Number of epochs."""
    steps: int = 100
    """Updates per epoch, of ``accumulate`` batches each."""
    batch: int = 8
    """Windows per batch, on all devices together."""
    size: int = 256
    """Side of a window in pixels, a multiple of the network's total stride."""
    warm_up: float = 0.05
    """Fraction of the run in which the learning rate rises."""
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    """Decay of the learning rate after the warm-up."""
    patience: int | None = None
    """Epochs without a better score after which training stops; never when not given."""

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch", "size"):
            in_range(f"schedule.{name}", getattr(self, name), 1)
        in_range("schedule.warm_up", self.warm_up, 0, 1, what="a fraction of the run")
        in_range("schedule.patience", self.patience, 1, what="null or a number of epochs")


@settings("validation")
class ValidationSettings:
    """Validation on held-out pixels, which are segmented by tiles as `predict` does."""

    every: int = 1
    """Number of epochs between two validations."""
    metric: Literal["mean_iou", "mean_dice", "accuracy", "loss"] = "mean_iou"
    """Score that chooses the best network: a mean over the classes that occur in the held-out
    labels, the accuracy, or ``loss``, which is the training loss."""
    tile: int = 512
    """Side of a tile in pixels."""
    overlap: int = 64
    """Overlap of neighbouring tiles in pixels."""
    megapixels: float | None = 16.0
    """Most held-out pixels per validation, in millions; null, and the end of training, take all."""
    decision: Literal["mean_iou", "mean_dice", "none"] | None = None
    """What the threshold of two classes, or the offsets of several, are chosen for on held-out
    pixels at the end; none for the class of the highest score. When not given, what ``metric``
    is: ``mean_dice`` of mean_dice, none of accuracy, and mean_iou of the others."""
    calibrate: bool | None = None
    """Whether a temperature is chosen as well, so that probabilities are calibrated; it is when not
    given."""

    @property
    def measure(self) -> Literal["mean_iou", "mean_dice", "none"]:
        """What the decision is chosen for."""
        if self.decision is not None:
            return self.decision
        if self.metric == "accuracy":  # the highest probability is right most often
            return "none"
        return "mean_dice" if self.metric == "mean_dice" else "mean_iou"

    def __post_init__(self) -> None:
        in_range("validation.every", self.every, 1, what="a number of epochs")
        in_range("validation.tile", self.tile, 1, what="pixels")
        in_range("validation.overlap", self.overlap, 0, self.tile, "[)", what="pixels")
        in_range("validation.megapixels", self.megapixels, 0, ends="(]", what="null or a number")


@settings("device")
class DeviceSettings:
    """Devices, precision and reproducibility."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Precision inside the network; weights, scores and losses are float32. ``auto`` takes bfloat16
    where it is native."""
    xla: bool | None = None
    """Whether XLA compiles the training step; a fixed choice for the device when not given."""
    distribute: Literal["none", "mirrored", "workers"] = "none"
    """``mirrored``: all devices of this machine share each batch. ``workers``: those of several
    processes, on this machine or others, with JAX."""
    readers: int = 0
    """Number of threads that read and augment; 0 means one per core."""
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
    """Seed of first weights, windows and augmentation."""

    def __post_init__(self) -> None:
        in_range("seed", self.seed, 0)
