"""The network of a run: as it is saved, and as it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.losses.weighting import ClassAdaptive, ClassFollowing, HardPixels, WeightedModel
from tilesegm.networks.build import inference_model
from tilesegm.networks.stages import rate_factors
from tilesegm.training.devices import Devices, compiles_with_xla
from tilesegm.training.mixed_precision import training_precision, twin_of
from tilesegm.training.objective import make_loss, make_rule
from tilesegm.training.optimizer import averaged_weights, make_optimizer
from tilesegm.training.schedule import WarmUpDecay
from tilesegm.training.settings.config import LossSettings, TrainingConfig

__all__ = ["Trainee"]


class Trainee:
    """A network and its twin, which computes in the precision and on the devices of the run.

    Training never touches the network itself: `copy_weights_back` copies the trained weights, or
    their moving average, into it.

    Args:
        model: float32 network; several outputs, the finest first, for deep supervision.
        config: settings of the run.
        devices: where the twin is trained.
    """

    def __init__(self, model: keras.Model, config: TrainingConfig, devices: Devices) -> None:
        self.model, self.devices = model, devices
        self.classes = int(model.outputs[0].shape[-1])
        self.precision = training_precision(config.device.precision)
        optimizer = config.optimizer
        with devices.scope():
            self.twin = twin_of(model, self.precision)
            self.trained = _Shared(
                self.twin,
                make_loss(config.loss, outputs=len(model.outputs)),
                make_rule(config.loss, config.schedule.epochs),
                class_weights=_class_weights(config.loss, self.classes),
                hard_pixels=_hard_pixels(config),
                replicas=devices.replicas,
                name="trained",
            )
            self.optimizer = make_optimizer(
                optimizer,
                WarmUpDecay.of(optimizer.learning_rate, config.schedule),
                rate_factors(model, config.model),
                replicas=devices.replicas,
                loss_scale=self.precision == "float16",
            )
            self.compile(compiles_with_xla(config.device.xla, devices.replicas))
            self.optimizer.build(self.trained.trainable_variables)

    def compile(self, xla: bool, metrics: Sequence[keras.metrics.Metric] = ()) -> None:
        """Say how the training step is compiled; it is when the first batch comes.

        Args:
            xla: whether XLA does it.
            metrics: what is measured at each step, made in the scope of the devices.
        """
        self.xla = xla
        with self.devices.scope():
            self.trained.compile(self.optimizer, jit_compile=xla, metrics=list(metrics) or None)

    @property
    def inference(self) -> keras.Model:
        """The finest output of the network, on its weights."""
        return inference_model(self.model)

    def observe(self, confusion: NDArray[np.int64]) -> None:
        """Let class weights follow a validation, where the settings say so.

        Args:
            confusion: ``(K, K)`` pixels by true class (rows) and predicted class.
        """
        weights = self.trained.class_weights
        if isinstance(weights, ClassFollowing):
            weights.observe(confusion)

    def copy_weights_back(self) -> None:
        """Copy weights, or their moving average, from the twin into the network."""
        self.model.set_weights(averaged_weights(self.optimizer, self.twin))


def _class_weights(settings: LossSettings, classes: int) -> ClassAdaptive | None:
    """Make the class weights that follow scores, if the settings ask for any."""
    given = settings.adaptive_classes
    if given is None:
        return None
    kind, momentum = ClassAdaptive, 0.99
    if given.follow == "validation":
        kind, momentum = ClassFollowing, 0.5
    momentum = momentum if given.momentum is None else given.momentum
    return kind(classes, score=given.score, momentum=momentum, ratio=given.ratio)


def _hard_pixels(config: TrainingConfig) -> HardPixels | None:
    """Make the weights of hard pixels, if the settings ask for them."""
    given = config.loss.hard_pixels
    return None if given is None else HardPixels(config.schedule.epochs, **asdict(given))


@keras.saving.register_keras_serializable(package="tilesegm")
class _Shared(WeightedModel):
    """Adds up to the mean over a batch that several devices share.

    TensorFlow adds the gradients of the devices; losses of this package are means over the part
    of the batch that a device has.
    """

    def __init__(self, *args: Any, replicas: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.replicas = replicas

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """Return the share of this device in the loss."""
        return super().compute_loss(*args, **kwargs) / self.replicas
