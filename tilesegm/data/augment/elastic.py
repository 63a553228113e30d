"""Smooth random deformations that never fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["displacement"]


def displacement(
    size: int, largest: float, grain: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw shifts ``(2, size, size)`` of rows and columns in pixels.

    Vectors of one length and random directions on a square lattice are the control points of a
    uniform cubic B-spline, as in free-form deformation (Rueckert et al., IEEE TMI 1999); training
    images are deformed from a coarse lattice alike by Ronneberger et al. (MICCAI 2015). The length
    is even between 0 and ``largest``, which no shift exceeds since splines are weighted means. Two
    control points differ by at most twice the length, so that over a distance ``d`` the shift
    changes by at most ``2 * sqrt(2) * largest / grain * d``: as long as that is below ``d``, up to
    about a third of the grain, nothing folds.

    Args:
        size: side of the window in pixels.
        largest: bound of the shift in pixels.
        grain: distance of control points in pixels.
        random: source of chance; the lattice lies anywhere.
    """
    basis = _basis(np.arange(size) / grain + random.uniform())
    length = largest * random.uniform()
    angle = random.uniform(0, 2 * np.pi, (basis.shape[1], basis.shape[1]))
    control = length * np.stack([np.sin(angle), np.cos(angle)]).astype(np.float32)
    shift: NDArray[np.float32] = basis @ control @ basis.T
    return shift


def _basis(position: NDArray[np.float64]) -> NDArray[np.float32]:
    """Shares ``(len(position), control points)`` of a uniform cubic B-spline."""
    knot = position.astype(np.intp)
    t = position - knot
    shares = np.stack([(1 - t) ** 3, (3 * t - 6) * t**2 + 4, ((3 - 3 * t) * t + 3) * t + 1, t**3])
    basis = np.zeros((len(position), int(knot[-1]) + 4), np.float32)
    basis[np.arange(len(position)), knot + np.arange(4)[:, None]] = shares / 6
    return basis
