"""SoftAdapt: weights from the slopes of the losses."""

from __future__ import annotations

from typing import Literal, Unpack

import keras
import numpy as np

from tilesegm.checks import in_range, one_of
from tilesegm.losses.weighting.factors import HistoryRule
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["SoftAdapt", "slopes", "softadapt_weights"]

Variant = Literal["original", "normalised", "loss-weighted"]


def slopes(history: np.ndarray) -> np.ndarray:
    """Derivatives at the latest of equally spaced values, by backward differences.

    All values are used: n of them give the difference of order n - 1, which is exact for
    polynomials of that degree. Two give ``L(t) - L(t-1)``.

    Args:
        history: ``(n, T)`` values, the latest one last; n is at least 2.

    Returns:
        float64 ``(T,)`` slopes per step.
    """
    steps_back = np.arange(len(history))[::-1]
    # The coefficients differentiate 1, x, x², ... at 0 from their values at -steps_back.
    powers = np.vander(-steps_back.astype("float64"), increasing=True).T
    derivatives = np.zeros(len(history))
    derivatives[1] = 1.0
    result: np.ndarray = np.linalg.solve(powers, derivatives) @ np.asarray(history, "float64")
    return result


def softadapt_weights(
    history: np.ndarray, beta: float = 0.1, variant: Variant = "original"
) -> np.ndarray:
    """``softmax(beta s)`` of the slopes s (Heydari, Thompson and Mehmood 2019, algorithm 1).

    Args:
        history: ``(n, T)`` mean losses, the latest one last.
        beta: sharpness. Above 0, losses that rise get more weight; below 0, losses that fall.
        variant: ``"normalised"`` divides slopes by the sum of their absolute values;
            ``"loss-weighted"`` multiplies each exponential by the mean of the loss over the
            history, which must be positive.

    Returns:
        float64 ``(T,)`` weights with the sum 1.
    """
    slope = slopes(history)
    if variant == "normalised":
        slope = slope / (np.abs(slope).sum() + keras.config.epsilon())
    weights = np.exp(beta * slope - (beta * slope).max())
    if variant == "loss-weighted":
        weights = weights * np.asarray(history, "float64").mean(axis=0)
    result: np.ndarray = weights / weights.sum()
    return result


@keras.saving.register_keras_serializable(package="tilesegm")
class SoftAdapt(HistoryRule):
    """Weigh by how losses change from epoch to epoch (Heydari, Thompson and Mehmood 2019).

    ``w = softmax(beta s)`` with the slopes s of the mean losses. Weights sum to 1 and are equal
    until the history is full. Slopes are in units of the loss per epoch, so ``"original"`` favours
    terms of a large scale; ``"normalised"`` removes only the scale that all terms share. Losses of
    most runs change by far less than 1 per epoch: with the default ``beta`` the weights of the
    original variant stay nearly equal.

    Args:
        beta: sharpness; above 0 for more weight on losses that get worse.
        variant: ``"original"``, ``"normalised"`` or ``"loss-weighted"``.
        depth: number of epochs for a slope, at least 2. Higher orders follow noise more closely.
        **rule: ``shift`` (used by ``"loss-weighted"`` only) and the other arguments of every
            `Rule`.
    """

    def __init__(
        self,
        beta: float = 0.1,
        *,
        variant: Variant = "original",
        depth: int = 2,
        **rule: Unpack[RuleOptions],
    ) -> None:
        one_of("variant", variant, Variant)
        in_range("depth", depth, 2, what="a number of epochs")
        super().__init__(depth=depth, **rule)
        self.beta = beta
        self.variant: Variant = variant
        self.needs_positive = variant == "loss-weighted"

    def start(self, terms: int) -> np.ndarray:
        """Return equal factors with the sum 1."""
        return np.full(terms, 1.0 / terms, "float32")

    def weigh(self, history: np.ndarray) -> np.ndarray:
        """Return the weights after the epochs of the history."""
        return softadapt_weights(history + self.shift, self.beta, self.variant)
