"""Weighting rules: one number to minimise from the values of several losses."""

from __future__ import annotations

import math
from typing import Any, TypedDict, Unpack

import keras
import numpy as np
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.base import Compound
from tilesegm.losses.configured import Configured
from tilesegm.losses.tensors import Tensor

__all__ = ["LayerOptions", "Rule", "RuleOptions"]


class LayerOptions(TypedDict, total=False):
    """The arguments of a Keras layer."""

    name: str | None
    trainable: bool
    dtype: Any


class RuleOptions(LayerOptions, total=False):
    """The arguments that every rule takes, for ``**rule: Unpack[RuleOptions]``."""

    shift: float


class Rule(Configured, keras.layers.Layer):  # type: ignore[misc]
    """Base of all rules: weighs the T terms of a compound loss.

    A rule is a Keras layer, because the variables of a layer belong to the model that holds it.
    They are part of the state that every backend passes into its compiled step, so an assignment
    between two steps takes effect; a variable inside a loss object, or
    ``compile(loss_weights=...)``, is a constant of the compiled step on JAX.

    The rule sees each term multiplied by its factor in the compound, so ``CrossEntropy() + 0.5 *
    Dice()`` means the same under any rule; the weights of the rule multiply these products.

    A subclass implements `combine`. It may also keep variables (`build`) and change its weights
    between epochs (`begin_epoch`, `end_epoch`).

    Args:
        shift: added to the value of every term by rules that need positive values. For terms with
            a negative lower bound, such as a normalised boundary loss.
        **layer: ``name``, ``trainable`` and ``dtype`` of the layer. Rules compute in float32
            whatever the policy.
    """

    needs_positive: bool = False
    """Whether the rule is defined only for terms that cannot be negative."""

    def __init__(self, *, shift: float = 0.0, **layer: Unpack[LayerOptions]) -> None:
        layer.setdefault("dtype", "float32")
        super().__init__(**layer)
        in_range("shift", shift, 0)
        self.shift = shift

    def check(self, compound: Compound) -> None:
        """Refuse, before training starts, losses that the rule cannot weigh.

        Raises:
            SettingsError: a term can be negative and the rule needs positive values; or there is
                a shift and the rule does not need one.
        """
        if self.shift and not self.needs_positive:
            raise SettingsError(
                f"shift is {self.shift:g}, but this rule takes losses of either sign: leave it out"
            )
        if self.needs_positive:
            for factor, term in zip(compound.weights, compound.terms, strict=True):
                if factor:
                    self._check_minimum(term.name, factor * term.minimum)

    def _check_minimum(self, name: str, least: float) -> None:
        if math.isinf(least) and not self.shift:
            raise SettingsError(
                f"this rule weighs losses by their values, but {name!r} has no lower bound: leave"
                " it out, take the rule fixed or scheduled, or give a shift that covers it"
            )
        if math.isfinite(least) and least + self.shift < 0:
            raise SettingsError(
                f"this rule weighs losses by their values, but {name!r} can be {least:g}: give it a"
                f" shift of {-least:g} or more"
            )

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the variables of the rule for ``input_shape == (T,)``."""
        self.size = int(input_shape[0])
        self.built = True

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the total and the weights behind it.

        Args:
            values: float32 ``(T,)``, the terms.
            training: whether this is a training step rather than an evaluation.

        Returns:
            The total to minimise, a scalar, and the ``(T,)`` effective weights: the derivative of
            the total with respect to each term; no gradient passes through them.
        """
        raise NotImplementedError

    def begin_epoch(self, epoch: int) -> None:
        """Update the rule before the first step of an epoch; epochs count from 0."""

    def end_epoch(self, losses: np.ndarray) -> None:
        """Update the rule after an epoch, given the ``(T,)`` means of the terms over that epoch."""

    def positive(self, values: Tensor) -> Tensor:
        """Return the terms, shifted and clipped to a small positive number."""
        return ops.maximum(values + self.shift, keras.config.epsilon())
