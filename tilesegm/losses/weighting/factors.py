"""Rules whose weights are variables of the model: fixed, or set once per epoch."""

from __future__ import annotations

from typing import Unpack

import keras
import numpy as np
from keras import ops

from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import Rule, RuleOptions

__all__ = ["Factors", "Fixed", "HistoryRule"]


class Factors(Rule):
    """Base of rules with one factor per term: the total is ``sum(factors * values)``.

    Attributes:
        factors: float32 ``(T,)`` variable, not trained by the optimizer. A value assigned between
            two steps holds from the next step on; on JAX only between epochs, when Keras copies
            the state of the step back to the model.
    """

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the variable of the factors."""
        self.factors = self.add_weight(
            name="factors", shape=input_shape, initializer="ones", trainable=False
        )
        self.factors.assign(self.start(input_shape[0]))
        super().build(input_shape)

    def start(self, terms: int) -> np.ndarray:
        """Return the factors before the first step: ones, unless a subclass says otherwise."""
        return np.ones(terms, "float32")

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the factors."""
        factors = ops.convert_to_tensor(self.factors)
        return ops.sum(factors * values), factors


class HistoryRule(Factors):
    """Base of rules with ``factors = f(mean losses of the last epochs)``.

    The history is a variable, so a run that is saved and resumed continues as if it had not been
    interrupted. Until the history is full, and after an epoch whose losses are not finite, the
    factors do not change.

    Args:
        depth: number of past epochs in the history.
        **rule: the arguments of every `Rule`.
    """

    def __init__(self, depth: int, **rule: Unpack[RuleOptions]) -> None:
        super().__init__(**rule)
        self.depth = depth

    def weigh(self, history: np.ndarray) -> np.ndarray:
        """Return the ``(T,)`` factors of the next epoch.

        Args:
            history: float64 ``(depth, T)`` mean losses of past epochs, the latest one last.
        """
        raise NotImplementedError

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make factors and history; NaN stands for epochs that have not happened yet."""
        super().build(input_shape)
        shape = (self.depth, *input_shape)
        self.history = self.add_weight(name="history", shape=shape, trainable=False)
        self.history.assign(np.full(shape, np.nan, "float32"))

    def end_epoch(self, losses: np.ndarray) -> None:
        """Add the losses to the history and set the factors of the next epoch."""
        if not np.isfinite(losses).all():
            return
        history = np.vstack([np.asarray(self.history.numpy())[1:], losses]).astype("float64")
        self.history.assign(history.astype("float32"))
        if np.isfinite(history).all():
            self.factors.assign(self.weigh(history).astype("float32"))


@keras.saving.register_keras_serializable(package="tilesegm")
class Fixed(Factors):
    """The compound as written: every factor stays 1 until it is assigned another value.

    The first baseline that an adaptive rule has to beat. ``model.rule.factors.assign([1.0, 0.2])``
    in a callback makes a schedule by hand.
    """
