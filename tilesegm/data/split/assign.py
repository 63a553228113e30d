"""Dealing pieces to folds so that every fold shows every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["balance", "imbalance"]

_STARTS, _ROUNDS, _PARTNERS = 4, 20, 256
"""Bounds of the search."""
_LEAST = 1e-12
"""Smaller gains are rounding."""
_EVEN = 1e-5
"""Imbalance below which nothing is left to gain: folds that differ by tenths of a percent."""


def imbalance(shares: NDArray[np.float64], folds: NDArray[np.intp], count: int) -> float:
    """Measure how unevenly columns are spread over folds.

    The sum over folds and columns of ``(s - 1 / count) ** 2``, where ``s`` is the fraction of a
    column's total that a fold has. A rare class counts as much as a common one, because each is
    measured against its own total.

    Args:
        shares: ``(n, D)`` fractions of each column's total that each piece has.
        folds: ``(n,)`` fold of each piece.
        count: number of folds.
    """
    return float(np.square(_sums(shares, folds, count) - 1.0 / count).sum())


def balance(
    shares: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.intp]:
    """Deal pieces to folds with small `imbalance`; no fold stays empty.

    Pieces are dealt greedily, the ones with the largest part of any class first; then single
    pieces move and pairs change places while that helps. The best of a few shuffled starts wins,
    so other seeds give other splits and the same seed the same.

    Args:
        shares: ``(n, D)`` fractions of each column's total that each piece has; ``n >= count``.
        count: number of folds.
        random: decides between pieces that are alike, and the order of trials.

    Returns:
        ``(n,)`` fold of each piece.
    """
    best = _improve(shares, _deal(shares, count, random), count, random)
    for _ in range(_STARTS - 1):
        if imbalance(shares, best, count) < _EVEN:
            break
        other = _improve(shares, _deal(shares, count, random), count, random)
        best = min(best, other, key=lambda folds: imbalance(shares, folds, count))
    return best


def _deal(shares: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Give each piece to the fold that it serves best."""
    size = shares.max(axis=1, initial=0.0) * random.uniform(0.5, 1.0, len(shares))
    folds = np.zeros(len(shares), np.intp)
    sums = np.zeros((count, shares.shape[1]))
    filled = np.zeros(count, np.intp)
    for place, piece in enumerate(np.argsort(-size, kind="stable")):
        # Adding v to sums s changes the objective by 2 v (s - 1 / count) + v v.
        gain = (sums - 1.0 / count) @ shares[piece]
        if len(shares) - place <= (filled == 0).sum():
            gain[filled > 0] = np.inf
        # Equals go to the emptier fold, which spreads pieces without labels.
        fold = np.lexsort((filled, gain))[0]
        folds[piece] = fold
        sums[fold] += shares[piece]
        filled[fold] += 1
    return folds


def _improve(
    shares: NDArray[np.float64], folds: NDArray[np.intp], count: int, random: np.random.Generator
) -> NDArray[np.intp]:
    """Move pieces and exchange pairs while the objective falls."""
    sums = _sums(shares, folds, count)
    nothing = np.zeros((count, shares.shape[1]))
    for _ in range(_ROUNDS):
        changed = False
        if np.square(sums - 1.0 / count).sum() < _EVEN:
            break
        for piece in random.permutation(len(shares)):
            # To move is to exchange with nothing.
            partners = random.permutation(len(shares))[:_PARTNERS]
            others = np.concatenate([np.arange(count), folds[partners]])
            here = folds[piece]
            difference = np.concatenate([nothing, shares[partners]]) - shares[piece]
            # What adding d to the sums here and taking it there does to the objective, halved.
            change = (difference * (sums[here] - sums[others] + difference)).sum(axis=1)
            change[others == here] = np.inf
            if (folds == here).sum() == 1:
                change[:count] = np.inf
            best = int(change.argmin())
            if change[best] < -_LEAST:
                there = others[best]
                sums[here] += difference[best]
                sums[there] -= difference[best]
                if best >= count:
                    folds[partners[best - count]] = here
                folds[piece] = there
                changed = True
        if not changed:
            break
    return folds


def _sums(shares: NDArray[np.float64], folds: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Fraction of each column's total that each fold has, ``(count, D)``."""
    sums = np.zeros((count, shares.shape[1]))
    np.add.at(sums, folds, shares)
    return sums
