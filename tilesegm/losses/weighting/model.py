"""A model that trains its network by several losses, with their weights as its state."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Compound, SegmentationLoss
from tilesegm.losses.inputs import LossInputs, prepare_inputs
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.class_adaptive import ClassAdaptive
from tilesegm.losses.weighting.factors import Fixed
from tilesegm.losses.weighting.gradnorm import GradNorm, learn_before_step, shared_variables
from tilesegm.losses.weighting.hard_pixels import HardPixels
from tilesegm.losses.weighting.rule import Rule

__all__ = ["WeightedModel"]


@keras.saving.register_keras_serializable(package="tilesegm")
class WeightedModel(keras.Model):  # type: ignore[misc]
    """Wrap a network, for training by several losses under a weighting rule.

    ::

        model = WeightedModel(network, CrossEntropy() + Dice(), Uncertainty())
        model.compile("adam", metrics=[...])
        history = model.fit(tiles, epochs=50, validation_data=validation)
        history.history["weight_dice"]        # the weight in each epoch
        network.save("network.keras")         # for prediction: the network is trained in place

    Each epoch logs the mean of every term, ``loss_<name>``, times its factor in the compound and
    before the rule, and the mean of its effective weight, ``weight_<name>``; with class weights
    also ``weight_class_<id>``. The total does not measure progress while its weights change: choose
    checkpoints by a metric or by one ``val_loss_<name>``.

    The model is saved and loaded by ``keras.saving`` like any other, with the losses, the rule and
    its state, and continues training from there.

    Args:
        network: returns ``(N, H, W, K)`` scores, or a list of them for ``DeepSupervision``. It
            holds no reference to this model.
        loss: the losses to weigh.
        rule: how to weigh them; None for `Fixed`, the compound as written.
        class_weights: weights of classes, in addition to weights of losses.
        hard_pixels: weights of pixels by how hard they are, in training steps alone.
        **kwargs: ``name`` and other arguments of ``keras.Model``.

    Raises:
        SettingsError: the rule cannot weigh these losses, or already weighs others.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: SegmentationLoss,
        rule: Rule | None = None,
        *,
        class_weights: ClassAdaptive | None = None,
        hard_pixels: HardPixels | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.compound = loss if isinstance(loss, Compound) else Compound([loss])
        self.rule = rule or Fixed()
        self.class_weights = class_weights
        self.hard_pixels = hard_pixels
        terms = self.compound.terms
        self.rule.check(self.compound)
        if isinstance(self.rule, GradNorm):
            shared_variables(network, self.rule.layer)
        if not self.rule.built:
            self.rule.build((len(terms),))
        if self.rule.size != len(terms):
            raise SettingsError(
                f"this {type(self.rule).__name__} weighs {self.rule.size} losses already and cannot"
                f" weigh {len(terms)}: make a new one for each model"
            )
        names = _distinct([term.name for term in terms])
        self.term_losses = _Trajectory("loss", names)
        self.term_weights = _Trajectory("weight", names)
        if class_weights is not None:
            ids = [str(index) for index in range(class_weights.classes)]
            self.class_trajectory = _Trajectory("weight_class", ids)
        self.built = network.built

    def build(self, input_shape: Any) -> None:
        """Build the network."""
        if not self.network.built:
            self.network.build(input_shape)
        self.built = True

    @property
    def inference_network(self) -> keras.Model:
        """The network alone, which is all that prediction needs."""
        return self.network

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return the output of the network."""
        return self.network(inputs, training=training)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Configure optimizer and metrics as in Keras; losses are arguments of the model.

        Raises:
            SettingsError: a loss or loss weights are passed.
        """
        bound = inspect.signature(super().compile).bind(*args, **kwargs).arguments
        for name in ("loss", "loss_weights"):
            if bound.get(name) is not None:
                raise SettingsError(
                    f"{name} was passed to compile, where it would not be weighed by the rule:"
                    " pass the losses to WeightedModel(network, loss, rule)"
                )
        super().compile(*args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model as before; Keras does not do so if `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def values(
        self, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None, training: bool
    ) -> Tensor:
        """Return the ``(T,)`` terms that the rule weighs, each times its factor in the compound.

        It has the arguments of `compute_loss`.
        """
        loss = self.compound

        def batch() -> LossInputs:
            return prepare_inputs(
                y,
                _finest(y_pred),
                sample_weight,
                from_logits=loss.from_logits,
                ignore=loss.ignore,
            )

        if self.class_weights is not None:
            sample_weight = self.class_weights.weigh(batch(), training)
        if self.hard_pixels is not None and training:
            sample_weight = self.hard_pixels.weigh(batch())
        factors = ops.convert_to_tensor(loss.weights, dtype="float32")
        return factors * loss.values(y, y_pred, sample_weight)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Return the total under the rule, plus the losses of layers of the network."""
        values = self.values(y, y_pred, sample_weight, training)
        total, weights = self.rule.combine(values, training)
        size = ops.shape(_finest(y_pred))[0]
        self.term_losses.update_state(values, size)
        self.term_weights.update_state(weights, size)
        if self.class_weights is not None:
            self.class_trajectory.update_state(self.class_weights.weights_now(), size)
        return sum((ops.sum(ops.cast(added, "float32")) for added in self.losses), total)

    def compute_metrics(
        self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> dict[str, Any]:
        """Measure the scores; of several outputs the first, which is the finest."""
        metrics: dict[str, Any] = super().compute_metrics(x, y, _finest(y_pred), sample_weight)
        return metrics

    def train_step(self, *args: Any) -> Any:
        """Take one step; before it, `GradNorm` learns from the gradients of the terms."""
        if isinstance(self.rule, GradNorm):
            args = learn_before_step(self.rule, self, args)
        return super().train_step(*args)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train as in Keras, and update the rule at each epoch."""
        bound = inspect.signature(super().fit).bind(*args, **kwargs)
        given = bound.arguments.get("callbacks") or []
        given = given if isinstance(given, (list, tuple)) else [given]
        # First, so that a checkpoint at the end of an epoch has the weights of the next one.
        bound.arguments["callbacks"] = [_Turn(), *given]
        return super().fit(*bound.args, **bound.kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return network, losses and rules, serialised."""
        serialize = keras.saving.serialize_keras_object
        parts = {
            "network": self.network,
            "loss": self.compound,
            "rule": self.rule,
            "class_weights": self.class_weights,
            "hard_pixels": self.hard_pixels,
        }
        return {"name": self.name, **{key: serialize(part) for key, part in parts.items()}}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> WeightedModel:
        """Rebuild from `get_config`."""
        deserialize = keras.saving.deserialize_keras_object
        parts = {
            key: deserialize(part, custom_objects=custom_objects)
            for key, part in config.items()
            if key != "name"
        }
        return cls(**parts, name=config["name"])


class _Trajectory(keras.metrics.Metric):  # type: ignore[misc]
    """Mean of a vector over an epoch, logged as one number per entry, such as ``weight_dice``.

    Args:
        prefix: beginning of the names in the logs.
        names: ends of the names, one per entry.
    """

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        super().__init__(name=f"{prefix}_trajectory", dtype="float32")
        self.keys = [f"{prefix}_{name}" for name in names]
        self.total = self.add_weight(name="total", shape=(len(names),), initializer="zeros")
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, values: Tensor, sample_weight: Tensor) -> None:
        """Add the ``(T,)`` values of a batch, weighted by its size."""
        size = ops.cast(sample_weight, "float32")
        self.total.assign_add(size * values)
        self.count.assign_add(size)

    def result(self) -> dict[str, Tensor]:
        """Return the means by name."""
        means = self.total / ops.maximum(self.count, 1.0)
        return {key: means[index] for index, key in enumerate(self.keys)}


class _Turn(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the rule of a model when epochs begin and end."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.rule.begin_epoch(epoch)
        if self.model.hard_pixels is not None:
            self.model.hard_pixels.begin_epoch(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        keys = self.model.term_losses.keys
        self.model.rule.end_epoch(np.asarray([float(logs[key]) for key in keys]))


def _finest(y_pred: Any) -> Tensor:
    """Return the scores; of several outputs the first, which is the finest."""
    outputs = list(y_pred.values()) if isinstance(y_pred, Mapping) else y_pred
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def _distinct(names: list[str]) -> list[str]:
    """Number names that occur more than once: dice_1, dice_2."""
    return [
        f"{name}_{names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]
