"""The temperature that calibrates probabilities (Guo et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HIGHEST", "LOWEST", "fit_temperature", "log_loss"]

LOWEST, HIGHEST = 0.1, 10.0
"""Ends of the search. Where all pixels are right, the lower the temperature the better."""


def log_loss(scores: NDArray[np.float32], truth: NDArray[Any], temperature: float = 1.0) -> float:
    """Mean negative logarithm of the probability of the true class.

    Args:
        scores: ``(K, N)`` logits, or logarithms of probabilities.
        truth: ``(N,)`` class ids.
        temperature: divides the scores.
    """
    if not truth.size:
        return float("nan")
    scaled = (scores - scores.max(axis=0)) * np.float32(1 / temperature)
    own = np.take_along_axis(scaled, truth[None].astype(np.intp), 0)[0]
    np.exp(scaled, out=scaled)
    return float((np.log(scaled.sum(axis=0)) - own).mean(dtype=np.float64))


def fit_temperature(scores: NDArray[np.float32], truth: NDArray[Any]) -> float:
    """Return the temperature of the lowest `log_loss`, to four digits.

    The loss is convex in the inverse of the temperature, so that a search along it finds the only
    minimum between `LOWEST` and `HIGHEST`.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda inverse: log_loss(scores, truth, 1 / inverse),
        bounds=(1 / HIGHEST, 1 / LOWEST),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return float(f"{1 / found.x:.4g}")
