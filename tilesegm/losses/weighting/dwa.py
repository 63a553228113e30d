"""Dynamic weight averaging."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tilesegm.errors import SettingsError
from tilesegm.losses.weighting.history import HistoryRule

__all__ = ["DWA", "dwa_weights"]


def dwa_weights(before: np.ndarray, last: np.ndarray, temperature: float = 2.0) -> np.ndarray:
    """``T softmax((L(t-1) / L(t-2)) / temperature)`` (Liu, Johns and Davison 2019, equation 7).

    Args:
        before: ``(T,)`` positive mean losses of the epoch before the last.
        last: ``(T,)`` mean losses of the last epoch.
        temperature: Greater is more even.

    Returns:
        float64 ``(T,)`` weights with the sum T; the slower a loss falls, the greater its weight.
    """
    logits = np.asarray(last, "float64") / np.asarray(before, "float64") / temperature
    weights = np.exp(logits - logits.max())
    result: np.ndarray = weights * (weights.size / weights.sum())
    return result


@keras.saving.register_keras_serializable(package="tilesegm")
class DWA(HistoryRule):
    """Weigh up what falls slowly, by the ratio of two epochs (Liu, Johns and Davison 2019).

    The first two epochs have equal weights. Ratios, and with them weights, are free of the scale
    of a term. They lie close to 1 in a run that converges, and so do the weights then.

    Args:
        temperature: Greater is more even; the paper has 2.
        kwargs: ``shift`` and what else :class:`Rule` takes.

    Raises:
        SettingsError: ``temperature`` is not positive.
    """

    def __init__(self, temperature: float = 2.0, **kwargs: Any) -> None:
        super().__init__(depth=2, **kwargs)
        if not temperature > 0:
            raise SettingsError(f"temperature is {temperature:g}; expected a number above 0")
        self.temperature = temperature

    @property
    def needs_positive(self) -> bool:
        """True: see :class:`Rule`."""
        return True

    def weigh(self, history: np.ndarray) -> np.ndarray:
        """Return the weights after the two epochs of the history."""
        before, last = np.maximum(history + self.shift, keras.config.epsilon())
        return dwa_weights(before, last, self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this rule."""
        return {**super().get_config(), "temperature": self.temperature}
