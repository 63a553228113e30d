"""Thin structures: skeletons by thinning, and clDice, the Dice score of centre lines.

Thinning looks at whole objects: how far a spur of a skeleton reaches can depend on pixels far away.
But one pass sees only neighbours, so what ``N`` rounds of two passes make of a pixel depends on
pixels at most ``2 N`` away. With the number of rounds bounded and such a halo, windows give the
very skeleton that the whole image gives under the same bound. Objects up to about ``2 N`` pixels
wide are finished by then; what is not is counted, so nobody need guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tilesegm.metrics.counts import Counts, ratio
from tilesegm.metrics.pair import WindowPair

__all__ = ["SkeletonCounts", "count_skeletons", "skeletonise"]


@dataclass(frozen=True)
class SkeletonCounts(Counts):
    """Pixels of the skeletons of some classes, ``(len(classes),)`` each."""

    true: NDArray[np.int64]
    """Of the skeleton of the truth."""
    true_found: NDArray[np.int64]
    """Of it, inside the predicted class."""
    predicted: NDArray[np.int64]
    """Of the skeleton of the prediction."""
    predicted_right: NDArray[np.int64]
    """Of it, inside the true class."""
    unfinished: NDArray[np.int64]
    """Pixels of both that a further round of thinning would remove: the objects are too wide."""

    @property
    def cldice(self) -> NDArray[np.float64]:
        """``(len(classes),)`` centre line Dice (Shit et al. 2021).

        Harmonic mean of the parts of both skeletons that lie inside the other map's class. NaN
        for a class that is not in the truth; 0 for one that is there alone.
        """
        recall = ratio(self.true_found, self.true, otherwise=0)
        right = ratio(self.predicted_right, self.predicted, otherwise=0)
        score = ratio(2 * recall * right, recall + right, otherwise=0)
        return np.where(self.true > 0, score, np.nan)


def count_skeletons(pair: WindowPair, classes: tuple[int, ...], rounds: int) -> SkeletonCounts:
    """Count the skeletons of ``classes``; the halo must be ``2 * rounds + 1`` wide.

    Unknown pixels belong to no class: an object ends where they begin.
    """
    rows = []
    for number in classes:
        true, predicted = pair.truth == number, pair.predicted == number
        true_thin, true_rest = skeletonise(true, rounds, pair.inner)
        predicted_thin, predicted_rest = skeletonise(predicted, rounds, pair.inner)
        rows.append(
            (
                np.count_nonzero(true_thin),
                np.count_nonzero(true_thin & predicted[pair.inner]),
                np.count_nonzero(predicted_thin),
                np.count_nonzero(predicted_thin & true[pair.inner]),
                true_rest + predicted_rest,
            )
        )
    return SkeletonCounts(*np.asarray(rows, np.int64).reshape(len(classes), 5).T)


def skeletonise(
    mask: NDArray[np.bool_], rounds: int, inner: tuple[slice, slice] = (slice(None), slice(None))
) -> tuple[NDArray[np.bool_], int]:
    """Thin a mask to 8-connected lines one pixel wide (Guo and Hall 1989, algorithm A1).

    Args:
        mask: ``(height, width)``.
        rounds: most rounds of thinning; each takes one layer off every side.
        inner: rows and columns of the result; the rest is halo.

    Returns:
        The skeleton, and how many pixels of it another round would remove.
    """
    height, width = mask.shape
    pixels = np.zeros((height + 2, width + 2), np.uint8)
    pixels[1:-1, 1:-1] = mask
    flat = pixels.reshape(-1)
    stride = width + 2
    around = [1, 1 - stride, -stride, -stride - 1, -1, stride - 1, stride, stride + 1]
    left = np.flatnonzero(flat)
    for _ in range(rounds):
        before = left.size
        left = _thin(flat, left, around)
        if left.size == before:
            break
    thin = pixels[1:-1, 1:-1].astype(bool)[inner]
    _thin(flat, left, around)
    return thin, int(np.count_nonzero(thin) - np.count_nonzero(pixels[1:-1, 1:-1][inner]))


def _thin(flat: NDArray[np.uint8], places: NDArray[np.intp], around: list[int]) -> NDArray[np.intp]:
    """Do one round on ``flat``, whose pixels are at ``places``, and return those that are left."""
    for table in _tables():
        code = np.zeros(places.size, np.uint8)
        for bit, step in enumerate(around):
            code |= flat[places + step] << np.uint8(bit)
        gone = table[code]
        flat[places[gone]] = 0
        places = places[~gone]
    return places


@cache
def _tables() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For both passes, whether a pixel goes; bits are neighbours counterclockwise from the right.

    A pixel goes if its neighbours stay connected without it (their one run crosses no gap), it
    ends no line (two to three pairs of neighbours are filled), and it faces the pass's side.
    """
    ring = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(bool)
    straight, corner, following = ring[:, ::2], ring[:, 1::2], np.roll(ring, -2, axis=1)[:, ::2]
    runs = (~straight & (corner | following)).sum(1)
    pairs = np.minimum((straight | corner).sum(1), (corner | following).sum(1))
    edge = (runs == 1) & (pairs >= 2) & (pairs <= 3)
    right, up_right, up, up_left, left, down_left, down, down_right = ring.T
    first = edge & ~((up_right | up | ~down_right) & right)
    second = edge & ~((down_left | down | ~up_left) & left)
    return first, second
