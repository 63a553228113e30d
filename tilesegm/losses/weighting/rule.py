"""What a weighting rule is: it makes one number to minimise from the values of several losses."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Compound
from tilesegm.losses.tensors import Tensor

__all__ = ["Rule"]


class Rule(keras.layers.Layer):  # type: ignore[misc]
    """Base of all rules: weighs the T terms of a compound loss.

    A rule is a layer because a layer's variables belong to the model that holds it. They are part
    of the state that every backend passes into its compiled step, so an assignment between two
    steps takes effect; a variable inside a loss object, or ``compile(loss_weights=...)``, is a
    constant of the compiled step on JAX.

    The rule sees each term multiplied by its own factor in the compound, so ``CrossEntropy() +
    0.5 * Dice()`` stays what it says under any rule, and weights of a rule multiply that.

    A subclass implements :meth:`combine`. It may also keep variables (:meth:`build`) and turn at
    the ends of epochs (:meth:`begin_epoch`, :meth:`end_epoch`).

    Args:
        shift: Added to the value of every term before a rule that needs positive values looks at
            it. For terms with a negative lower bound, such as a normalised boundary loss.
        kwargs: ``name``, ``trainable`` and ``dtype`` of the layer. Rules compute in float32
            whatever the policy.

    Raises:
        SettingsError: The shift is negative or not finite.
    """

    def __init__(self, *, shift: float = 0.0, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if not 0 <= shift < math.inf:
            raise SettingsError(f"shift is {shift:g}; expected a finite number, 0 or more")
        self.shift = shift

    @property
    def needs_positive(self) -> bool:
        """Whether the rule makes sense only for terms that cannot be negative."""
        return False

    def check(self, compound: Compound) -> None:
        """Refuse, before training starts, losses that the rule cannot weigh.

        Raises:
            SettingsError: A term can be negative and the rule needs positive values; or there is
                a shift and the rule does not need it.
        """
        if self.shift and not self.needs_positive:
            raise SettingsError(
                f"shift is {self.shift:g}, but {type(self).__name__} takes losses of either sign:"
                " leave shift out"
            )
        if self.needs_positive:
            for factor, term in zip(compound.weights, compound.terms, strict=True):
                if factor:
                    self._check_minimum(term.name, factor * term.minimum)

    def _check_minimum(self, name: str, least: float) -> None:
        rule = type(self).__name__
        if math.isinf(least) and not self.shift:
            raise SettingsError(
                f"{rule} weighs losses by their values, but {name!r} has no lower bound:"
                f" leave it out, take Fixed or a schedule, or pass {rule}(shift=...) that covers it"
            )
        if math.isfinite(least) and least + self.shift < 0:
            raise SettingsError(
                f"{rule} weighs losses by their values, but {name!r} can be {least:g}:"
                f" pass {rule}(shift={-least:g}) or more"
            )

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the variables of the rule for ``input_shape == (T,)``."""
        self.size = int(input_shape[0])
        self.built = True

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the total and the weights behind it.

        Args:
            values: float32 ``(T,)``, the terms.
            training: Whether this is a training step rather than an evaluation.

        Returns:
            The number to minimise, a scalar, and ``(T,)`` effective weights: the derivative of the
            total with respect to each term, without gradient of their own.
        """
        raise NotImplementedError

    def begin_epoch(self, epoch: int) -> None:
        """Turn before the first step of an epoch; epochs count from 0."""

    def end_epoch(self, losses: np.ndarray) -> None:
        """Turn after the last step of an epoch, given the ``(T,)`` means of the terms over it."""

    def positive(self, values: Tensor) -> Tensor:
        """Return the terms shifted, and kept off zero, where logarithms and ratios end."""
        return ops.maximum(values + self.shift, keras.config.epsilon())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this rule."""
        return {**super().get_config(), "shift": self.shift}
