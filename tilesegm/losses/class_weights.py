"""Class weights from pixel counts, for labels in which some classes are rare."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilesegm.errors import InputError

__all__ = ["class_balanced_weights", "inverse_frequency_weights", "median_frequency_weights"]


def class_balanced_weights(counts: ArrayLike, beta: float = 0.9999) -> tuple[float, ...]:
    """Weigh classes by their effective number of samples (Cui et al. 2019, CVPR).

    ``w_c = (1 - beta) / (1 - beta ** n_c)``, scaled so that the weights of the classes that occur
    have the mean 1. Pixel counts are large, so ``beta ** n`` vanishes and all weights are equal
    unless beta is close to 1: choose ``1 - beta`` near one over the count of a rare class, or count
    images.

    Args:
        counts: ``(K,)`` samples of each class in the training split.
        beta: in ``[0, 1)``; with 0 all weights are equal, towards 1 they become one over the count.

    Returns:
        K weights; 0 for a class that never occurs.

    Raises:
        InputError: counts or ``beta`` are out of range.
    """
    n = _counts(counts, (1,))
    if not 0.0 <= beta < 1.0:
        raise InputError(f"beta is {beta}; expected 0 <= beta < 1")
    seen = n > 0
    # 1 - beta ** n without cancellation where beta ** n is close to 1.
    effective = -np.expm1(n[seen] * np.log(beta)) if beta else np.ones(int(seen.sum()))
    weights = np.zeros_like(n)
    weights[seen] = (1.0 - beta) / effective
    return tuple((weights * seen.sum() / weights.sum()).tolist())


def inverse_frequency_weights(counts: ArrayLike) -> tuple[float, ...]:
    """Weigh classes by one over their count, so that all classes have the same total weight.

    ``w_c`` is proportional to ``1 / n_c``, scaled so that the weights of the classes that occur
    have the mean 1.

    Args:
        counts: ``(K,)`` pixels of each class in the training split.

    Returns:
        K weights; 0 for a class that never occurs.

    Raises:
        InputError: counts are negative, all zero or of another rank.
    """
    n = _counts(counts, (1,))
    seen = n > 0
    weights = np.zeros_like(n)
    weights[seen] = 1.0 / n[seen]
    return tuple((weights * seen.sum() / weights.sum()).tolist())


def median_frequency_weights(counts: ArrayLike) -> tuple[float, ...]:
    """Weigh classes by median frequency over frequency (Eigen and Fergus 2015, ICCV).

    The frequency of a class is its number of pixels over the number of pixels of all images that
    contain it; the class of median frequency has weight 1.

    Args:
        counts: ``(M, K)`` pixels of each class in each of M images; or their sums ``(K,)``, as if
            every image contained every class that occurs.

    Returns:
        K weights; 0 for a class that never occurs, which does not enter the median.

    Raises:
        InputError: counts are negative, all zero or of another rank.
    """
    n = np.atleast_2d(_counts(counts, (1, 2)))
    per_class = n.sum(axis=0)
    shown = ((n > 0) * n.sum(axis=1, keepdims=True)).sum(axis=0)
    seen = per_class > 0
    frequency = per_class[seen] / shown[seen]
    weights = np.zeros_like(per_class)
    weights[seen] = np.median(frequency) / frequency
    return tuple(weights.tolist())


def _counts(counts: ArrayLike, ranks: tuple[int, ...]) -> NDArray[np.float64]:
    """Return counts as float64, exact to 2**53 pixels."""
    n = np.asarray(counts, dtype=np.float64)
    if n.ndim not in ranks or n.size == 0 or not np.isfinite(n).all() or (n < 0).any():
        raise InputError(f"counts is {counts!r}; expected finite numbers >= 0, one per class")
    if not n.any():
        raise InputError("counts are all zero; count the pixels of the training labels first")
    return n
