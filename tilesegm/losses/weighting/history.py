"""Rules that turn once an epoch, by what the losses did over the last epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tilesegm.losses.weighting.factors import Factors

__all__ = ["HistoryRule"]


class HistoryRule(Factors):
    """Base of rules with ``factors = f(mean losses of the last epochs)``.

    The history is a variable, so that a run that is saved and resumed goes on as if it had not
    stopped. Until it is full, and after an epoch whose losses are not finite, factors stay.

    Args:
        depth: Epochs that the rule looks back on.
        kwargs: What :class:`Rule` takes.
    """

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth

    def weigh(self, history: np.ndarray) -> np.ndarray:
        """Return the ``(T,)`` factors of the next epoch.

        Args:
            history: float64 ``(depth, T)`` mean losses of past epochs, the latest one last.
        """
        raise NotImplementedError

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make factors and history, in which NaN stands for epochs that have not been."""
        super().build(input_shape)
        shape = (self.depth, *input_shape)
        self.history = self.add_weight(name="history", shape=shape, trainable=False)
        self.history.assign(np.full(shape, np.nan, "float32"))

    def end_epoch(self, losses: np.ndarray) -> None:
        """Note the losses and set the factors of the next epoch."""
        if not np.isfinite(losses).all():
            return
        seen = np.vstack([np.asarray(self.history.numpy())[1:], losses]).astype("float64")
        self.history.assign(seen.astype("float32"))
        if np.isfinite(seen).all():
            self.factors.assign(self.weigh(seen).astype("float32"))
