"""AdamW whose rates differ from variable to variable, with an average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from tilesegm.training.schedule import WarmUpDecay
from tilesegm.training.settings.config import OptimizerSettings

__all__ = ["StagedAdamW", "averaged_weights", "make_optimizer"]


@keras.saving.register_keras_serializable(package="tilesegm")
class StagedAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW (Loshchilov, Hutter 2019) with four additions, the same on all backends.

    * The learning rate of a variable, and with it its decay, is multiplied by a factor of its own.
    * Vectors and scalars (biases, normalisation, weights of losses) do not decay.
    * With ``average`` a moving average of each variable is kept. It moves once an update, however
      many batches the update gathers, by ``min(average, t / (t + 9))`` after t updates: at first it
      spans the last tenth of the run, so that it is of use early and in short runs.
    * A schedule counts updates, however many batches an update gathers.

    Keras' own ``use_ema`` is not used: it moves with every batch that is gathered, and overwrites
    the weights with their average when ``fit`` returns, which ends every epoch here.

    Args:
        learning_rate: number or schedule.
        factors: factor on the learning rate by path of the variable; 1 for others.
        average: momentum of the moving average, None for none.
        kwargs: what else ``keras.optimizers.AdamW`` takes.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        factors: Mapping[str, float] | None = None,
        average: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self._factor_of_path = dict(factors or {})
        self.average = average

    def build(self, variables: list[Any]) -> None:
        """Make the state for these variables; the average starts from their values."""
        if self.built:
            return
        super().build(variables)
        self._factors = tuple(float(self._factor_of_path.get(v.path, 1.0)) for v in variables)
        self._decays = tuple(len(v.shape) > 1 for v in variables)
        self._averages = []
        if self.average is not None:
            self._averages = self.add_optimizer_variables(variables, "average")
            for average, variable in zip(self._averages, variables, strict=True):
                # A copy: JAX gives both away to a step, and cannot give one buffer twice.
                average.assign(ops.copy(ops.convert_to_tensor(variable)))

    @property
    def averages(self) -> list[Any]:
        """Moving averages in the order of the variables; empty without ``average``."""
        return list(self._averages)

    def _get_current_learning_rate(self) -> Any:
        """Ask the schedule by updates.

        Keras 3.15 asks by batches, against its own documentation: a run that gathers n batches per
        update would be through its schedule after one n-th of its updates.
        """
        rate = self._learning_rate
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            return rate(self.iterations)
        return super()._get_current_learning_rate()

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Leave decay to `update_step`, where the factor of the variable is known."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        index = self._get_variable_index(variable)
        rate = ops.cast(learning_rate, variable.dtype) * self._factors[index]
        if self.weight_decay and self._decays[index]:
            self.assign_sub(variable, variable * (rate * self.weight_decay))
        super().update_step(gradient, variable, rate)
        if self._averages:
            done = ops.cast(self.iterations, variable.dtype)
            keep = ops.minimum(done / (done + 9.0), self.average)
            average = self._averages[index]
            self.assign_add(average, (1.0 - keep) * (variable - ops.convert_to_tensor(average)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this optimizer."""
        own = {"factors": dict(self._factor_of_path), "average": self.average}
        return {**super().get_config(), **own}


def make_optimizer(
    settings: OptimizerSettings,
    schedule: WarmUpDecay,
    factors: Mapping[str, float] | None = None,
    *,
    replicas: int = 1,
    loss_scale: bool = False,
) -> keras.optimizers.Optimizer:
    """Make the optimizer of a run.

    Args:
        settings: decay, clipping, accumulation and average.
        schedule: the learning rate, by updates.
        factors: factor on the learning rate by path of the variable.
        replicas: devices that share a batch. Each clips its own part of the gradient, before
            the parts are added, to the same part of the norm: the sum keeps within ``clip``.
        loss_scale: whether to scale the loss, as float16 needs.
    """
    optimizer = StagedAdamW(
        schedule,
        factors=factors,
        average=settings.ema,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip and settings.clip / replicas,
        gradient_accumulation_steps=settings.accumulate if settings.accumulate > 1 else None,
    )
    return keras.optimizers.LossScaleOptimizer(optimizer) if loss_scale else optimizer


def averaged_weights(optimizer: Any, network: Any) -> list[NDArray[np.float32]]:
    """Return the weights of a network with its trained ones replaced by their averages.

    Args:
        optimizer: what `make_optimizer` made, or any other or none, which have no averages.
        network: a model whose trained variables are among those of the optimizer.

    Returns:
        Arrays in the order of ``network.get_weights()``; as they are without averages.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    averages = {
        variable.path: average
        for variable, average in zip(
            getattr(inner, "_trainable_variables", ()), getattr(inner, "averages", ()), strict=False
        )
    }
    return [np.array(averages.get(v.path, v).numpy()) for v in network.weights]
