"""Areas of classes corrected for the errors of a map (Olofsson et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import InputError, SourceError
from tilesegm.inputs import read_json

__all__ = ["Adjusted", "adjust_areas", "read_confusion"]

_NORMAL_95 = 1.96
"""Standard errors on each side of an estimate that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Adjusted:
    """Estimates of the true areas of all classes, in the unit of the mapped ones."""

    areas: NDArray[np.float64]
    """``(K,)``."""
    margins: NDArray[np.float64]
    """``(K,)`` half widths of the 95 % confidence intervals."""


def adjust_areas(mapped: NDArray[np.float64], confusion: NDArray[np.float64]) -> Adjusted:
    """Estimate areas by the stratified estimator, with the classes of the map as strata.

    Olofsson et al. 2014, "Good practices for estimating area and assessing accuracy of land
    change", Remote Sensing of Environment 148, equations 9 to 11.

    Args:
        mapped: ``(K,)`` area of each class in the map.
        confusion: ``(K, K)`` counted places by true class (row) and mapped class (column).

    Raises:
        InputError: a class that is mapped was counted in less than two places.
    """
    counted = confusion.sum(0)
    few = np.flatnonzero((mapped > 0) & (counted < 2))
    if few.size:
        raise InputError(
            f"the evaluation counts {counted[few[0]]:g} places that are mapped as class {few[0]}, "
            "and its mapped area needs two or more; evaluate with truth in all classes of the map"
        )
    total = mapped.sum()
    weights = mapped / total
    with np.errstate(invalid="ignore", divide="ignore"):
        fractions = np.where(counted > 0, confusion / counted, 0.0)
        spread = fractions * (1 - fractions) / (counted - 1)
    variances = (weights**2 * np.where(counted > 1, spread, 0.0)).sum(1)
    return Adjusted(total * (fractions @ weights), total * _NORMAL_95 * np.sqrt(variances))


def read_confusion(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read names of classes and their confusion from the JSON of ``tilesegm evaluate``.

    Places that the map gives no class are left out: they are no part of a mapped area.

    Raises:
        InputError: it is something else.
    """
    try:
        said: Any = read_json(path, SourceError, 1 << 28)
        names = tuple(str(one["name"]) for one in said["classes"])
        counts = np.array(said["confusion"], np.float64)
        if counts.shape != (len(names), len(names) + 1) or not (counts >= 0).all():
            raise ValueError
    except OSError as error:
        raise InputError(f"--evaluation {path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"--evaluation {path} is not what `tilesegm evaluate MAP TRUTH --json-file FILE` writes"
        ) from None
    return names, counts[:, :-1]
