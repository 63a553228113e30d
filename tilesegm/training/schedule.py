"""The learning rate over a run."""

from __future__ import annotations

import math

__all__ = ["learning_rate_factor"]

_WARM_UP = 0.05


def learning_rate_factor(progress: float) -> float:
    """Return the share of the highest learning rate at ``progress`` (0 at the start, 1 at the end).

    A twentieth of the run warms up linearly, the rest falls along half a cosine to zero
    (Loshchilov, Hutter: SGDR, ICLR 2017, with one cycle). A function of progress instead of steps
    serves runs that are bounded by time as well.
    """
    if progress < _WARM_UP:
        return max(progress, 0.001) / _WARM_UP
    rest = min((progress - _WARM_UP) / (1 - _WARM_UP), 1.0)
    return 0.5 * (1 + math.cos(math.pi * rest))
