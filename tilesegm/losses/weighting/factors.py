"""Rules whose weights are variables of the model, and the rule that leaves them fixed."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import Rule

__all__ = ["Factors", "Fixed"]


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


@keras.saving.register_keras_serializable(package="tilesegm")
class Fixed(Factors):
    """The compound as written: every factor stays 1 until it is assigned another value.

    The first baseline that an adaptive rule has to beat. ``model.rule.factors.assign([1.0, 0.2])``
    in a callback makes a schedule by hand.
    """
