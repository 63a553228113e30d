"""Weights drawn at random: what every adaptive rule has to beat."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import Rule

__all__ = ["RandomWeighting"]


@keras.saving.register_keras_serializable(package="tilesegm")
class RandomWeighting(Rule):
    """Draw ``softmax(N(0, 1))`` anew in each training step (RLW, Lin et al. 2022).

    A litmus test more than a method: a rule that does not beat this one and :class:`Fixed` over
    several seeds has not adapted to anything. Each weight has the mean 1/T, which is also what an
    evaluation uses.

    Args:
        seed: Seed of the draws, None for a fresh one. A loaded model begins its draws anew.
        kwargs: What :class:`Rule` takes.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Begin the draws."""
        self.draws = keras.random.SeedGenerator(self.seed)
        super().build(input_shape)

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the weights drawn."""
        shape = tuple(values.shape)
        if training:
            weights = ops.softmax(keras.random.normal(shape, dtype="float32", seed=self.draws))
        else:
            weights = ops.full(shape, 1.0 / shape[0], dtype="float32")
        return ops.sum(weights * values), weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this rule."""
        return {**super().get_config(), "seed": self.seed}
