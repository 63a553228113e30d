"""Weights drawn at random: the baseline of every adaptive rule."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import Rule, RuleOptions

__all__ = ["RandomWeighting"]


@keras.saving.register_keras_serializable(package="tilesegm")
class RandomWeighting(Rule):
    """Draw weights ``softmax(N(0, 1))`` in each training step (RLW, Lin et al. 2022, TMLR).

    A litmus test more than a method: a rule that does not beat this one and `Fixed` over several
    seeds has not adapted to anything. Each weight has the mean 1/T, which is used in evaluation.

    Args:
        seed: seed of the draws; None for a random one. A loaded model starts its draws again.
        **rule: the arguments of every `Rule`.
    """

    def __init__(self, seed: int | None = None, **rule: Unpack[RuleOptions]) -> None:
        super().__init__(**rule)
        self.seed = seed

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the generator of the draws."""
        self.draws = keras.random.SeedGenerator(self.seed)
        super().build(input_shape)

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the drawn weights."""
        shape = tuple(values.shape)
        if training:
            weights = ops.softmax(keras.random.normal(shape, dtype="float32", seed=self.draws))
        else:
            weights = ops.full(shape, 1.0 / shape[0], dtype="float32")
        return ops.sum(weights * values), weights
