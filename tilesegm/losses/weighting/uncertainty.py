"""Weights from learned uncertainty."""

from __future__ import annotations

from typing import Literal, Unpack

import keras
from keras import ops

from tilesegm.checks import in_range, one_of
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import Rule, RuleOptions

__all__ = ["Uncertainty", "uncertainty_total"]

Form = Literal["classification", "regression"]
_SCALE = {"classification": 1.0, "regression": 0.5}


def uncertainty_total(values: Tensor, log_variance: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    """Return the negative log-likelihood of several tasks with learned noise.

    ``sum(c L exp(-s) + s / 2)`` with ``c`` 1 for classification and 1/2 for regression, and ``s``
    the logarithm of the variance (Kendall, Gal and Cipolla 2018, equations 7 and 10).

    Args:
        values: ``(T,)`` terms, not negative.
        log_variance: ``(T,)`` values of s.
        form: likelihood that the terms come from.

    Returns:
        The total, a scalar, and the ``(T,)`` weights ``c exp(-s)``.
    """
    weights = _SCALE[form] * ops.exp(-log_variance)
    return ops.sum(weights * values + 0.5 * log_variance), ops.stop_gradient(weights)


@keras.saving.register_keras_serializable(package="tilesegm")
class Uncertainty(Rule):
    """Learn one log-variance s per term (Kendall, Gal and Cipolla 2018, CVPR).

    The total is ``sum(c L exp(-s) + s / 2)``, with c = 1 for classification and 1/2 for regression.
    At the optimum of s, ``s = log(2 L)`` in the classification form and ``s = log(L)`` in the
    regression form, so each term contributes 1/2 plus half its logarithm: uncertainty weighting
    slowly approaches the logarithm of the geometric mean (`GLS`), and the form changes the scale of
    the weights, not the balance between terms. Cross-entropies are classification terms, squared or
    absolute errors regression terms; Dice is neither, and either form is a convention.

    The total can be negative, because s can. While all terms fall, all weights grow, which acts
    like a growing learning rate; the lower bound of the terms (`Rule.positive`) limits it to 5e6.
    Weight decay would pull the weights to 1: call
    ``optimizer.exclude_from_weight_decay(var_names=["log_variance"])`` with AdamW.

    Args:
        form: ``"classification"`` or ``"regression"``.
        initial: value of s before the first step, the same for each term.
        pace: above 0; the trained variable is ``s / pace``. With Adam, whose steps are about as
            long as the learning rate whatever the gradient, s moves ``pace`` times as far per step.
        **rule: ``shift`` and the other arguments of every `Rule`.
    """

    needs_positive = True

    def __init__(
        self,
        form: Form = "classification",
        *,
        initial: float = 0.0,
        pace: float = 1.0,
        **rule: Unpack[RuleOptions],
    ) -> None:
        super().__init__(**rule)
        one_of("form", form, Form)
        in_range("pace", pace, 0, ends="(]")
        self.form: Form = form
        self.initial = initial
        self.pace = pace

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the trained variable."""
        start = keras.initializers.Constant(self.initial / self.pace)
        self.log_variance = self.add_weight(
            name="log_variance", shape=input_shape, initializer=start
        )
        super().build(input_shape)

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the negative log-likelihood and the weights of its terms."""
        log_variance = self.pace * ops.convert_to_tensor(self.log_variance)
        return uncertainty_total(self.positive(values), log_variance, self.form)
