"""A bounded sample of pixels with their scores, drawn while they stream by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PixelSample"]

_MOST = 1 << 19
"""Most pixels: 5000 of a class of 1 %."""
_VALUES = 1 << 23
"""Most scores of all pixels together, 32 MB: fewer pixels of many classes."""


class PixelSample:
    """Draws pixels with equal probability, the same ones each time.

    Each pixel gets a random number, and those with the lowest numbers are kept.

    Args:
        classes: number of classes.
        seed: draws the numbers.
    """

    def __init__(self, classes: int, seed: int) -> None:
        self._most = min(_MOST, _VALUES // classes)
        self._random = np.random.default_rng(seed)
        self._keys = np.empty(0)
        self._scores = np.empty((classes, 0), np.float32)
        self._truth = np.empty(0, np.int64)
        self._half = np.empty(0, np.int8)
        self.seen = 0
        """Pixels that were added."""

    @property
    def size(self) -> int:
        """Pixels that are kept."""
        return len(self._keys)

    def add(self, scores: NDArray[np.float32], truth: NDArray[Any], half: int) -> None:
        """Add ``(K, N)`` scores and ``(N,)`` class ids of pixels that belong to a half."""
        self.seen += truth.size
        keys = self._random.random(truth.size)
        if self.size == self._most:
            low = keys < self._keys.max()
            keys, scores, truth = keys[low], scores[:, low], truth[low]
        self._keys = np.concatenate([self._keys, keys])
        self._scores = np.concatenate([self._scores, scores], axis=1)
        self._truth = np.concatenate([self._truth, truth.astype(np.int64)])
        self._half = np.concatenate([self._half, np.full(truth.size, half, np.int8)])
        if self.size > self._most:
            kept = np.sort(np.argpartition(self._keys, self._most)[: self._most])
            self._keys, self._scores = self._keys[kept], self._scores[:, kept]
            self._truth, self._half = self._truth[kept], self._half[kept]

    def part(self, half: int | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return scores and class ids of a half, or of all pixels."""
        if half is None:
            return self._scores, self._truth
        inside = self._half == half
        return self._scores[:, inside], self._truth[inside]
