"""Weights of classes from the pixels that are learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilesegm.checks import one_of
from tilesegm.losses.class_weights import (
    class_balanced_weights,
    inverse_frequency_weights,
    median_frequency_weights,
)
from tilesegm.training.settings.config import ClassWeighting

__all__ = ["class_weights"]


def class_weights(counts: ArrayLike, kind: ClassWeighting) -> NDArray[np.float32] | None:
    """Weigh classes by how often they occur.

    ==========  ===================================================================================
    none        all alike: None
    inverse     one over the count: every class has the same total weight
    median      median frequency over frequency, which is the part of a class in the images that
                show it (Eigen and Fergus 2015); like ``inverse`` when every image shows all
    effective   one over the effective number of samples (Cui et al. 2019), ``beta`` being
                ``1 - 1 / m`` with the median count m: like ``inverse`` for classes far below it,
                and all alike far above it
    ==========  ===================================================================================

    Args:
        counts: ``(M, K)`` labelled pixels of each class that are learnt from, in each of M images,
            or ``(K,)`` their sums, as if every image showed every class.
        kind: name of the rule.

    Returns:
        ``(K,)`` with mean 1 over the classes that were counted. Others have the largest weight of
        these: what was missed by counting whole cells is rare.

    Raises:
        SettingsError: the rule is unknown.
        InputError: counts are negative or all zero.
    """
    one_of("loss.class_weights", kind, ClassWeighting)
    if kind == "none":
        return None
    weigh: dict[str, Callable[[ArrayLike], tuple[float, ...]]] = {
        "inverse": inverse_frequency_weights,
        "median": median_frequency_weights,
        "effective": _effective,
    }
    given = np.asarray(counts)
    weights = np.array(weigh[kind](given if kind == "median" or given.ndim < 2 else given.sum(0)))
    seen = weights > 0
    weights /= weights[seen].mean()
    weights[~seen] = weights.max()
    return cast("NDArray[np.float32]", weights.astype(np.float32))


def _effective(counts: ArrayLike) -> tuple[float, ...]:
    n = np.asarray(counts, np.float64)
    occurring = n[n > 0]
    typical = float(np.median(occurring)) if occurring.size else 1.0
    return class_balanced_weights(counts, beta=max(0.0, 1.0 - 1.0 / typical))
