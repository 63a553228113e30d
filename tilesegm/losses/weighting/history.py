"""Rules that set weights once per epoch, from the losses of the last epochs."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tilesegm.losses.weighting.factors import Factors
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["HistoryRule"]


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
