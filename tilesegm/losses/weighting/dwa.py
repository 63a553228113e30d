"""Dynamic weight averaging (DWA)."""

from __future__ import annotations

from typing import Unpack

import keras
import numpy as np

from tilesegm.checks import in_range
from tilesegm.losses.weighting.factors import HistoryRule
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["DWA", "dwa_weights"]


def dwa_weights(before: np.ndarray, last: np.ndarray, temperature: float = 2.0) -> np.ndarray:
    """``T softmax((L(t-1) / L(t-2)) / temperature)`` (Liu, Johns and Davison 2019, equation 7).

    Args:
        before: ``(T,)`` positive mean losses of the epoch before the last.
        last: ``(T,)`` mean losses of the last epoch.
        temperature: the higher, the more equal the weights.

    Returns:
        float64 ``(T,)`` weights with the sum T; the slower a loss falls, the greater its weight.
    """
    logits = np.asarray(last, "float64") / np.asarray(before, "float64") / temperature
    weights = np.exp(logits - logits.max())
    result: np.ndarray = weights * (weights.size / weights.sum())
    return result


@keras.saving.register_keras_serializable(package="tilesegm")
class DWA(HistoryRule):
    """Give more weight to losses that fall slowly (Liu, Johns and Davison 2019, CVPR).

    ``w = T softmax((L(t-1) / L(t-2)) / temperature)`` with the mean losses L of the last two
    epochs. The first two epochs have equal weights. The ratios, and so the weights, do not depend
    on the scale of a term. In a run that converges the ratios are close to 1, and so are the
    weights.

    Args:
        temperature: above 0; the higher, the more equal the weights; 2 in the paper.
        **rule: ``shift`` and the other arguments of every `Rule`.
    """

    needs_positive = True

    def __init__(self, temperature: float = 2.0, **rule: Unpack[RuleOptions]) -> None:
        super().__init__(depth=2, **rule)
        in_range("temperature", temperature, 0, ends="(]")
        self.temperature = temperature

    def weigh(self, history: np.ndarray) -> np.ndarray:
        """Return the weights after the two epochs of the history."""
        before, last = np.maximum(history + self.shift, keras.config.epsilon())
        return dwa_weights(before, last, self.temperature)
