"""Which input pixels reach each position of a feature map, along one axis.

A `Reach` is worked out position by position on an axis of real length instead of by a formula for
receptive fields: even kernels, odd strides, up- and downsampling by different factors and
asymmetric padding then need no rules of their own, and the result is tight for every phase of a
stride.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Enlarge", "Pad", "Reach", "Resampling", "Slide", "Spread"]

_FAR = np.int64(1) << 40


@dataclass(frozen=True)
class Reach:
    """First and last input pixel that change each position; first > last where none does."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def identity(cls, length: int) -> Self:
        """Each position is reached by its own pixel."""
        pixels = np.arange(length, dtype=np.int64)
        return cls(pixels, pixels)

    def __len__(self) -> int:
        return len(self.first)

    def union(self, other: Reach) -> Reach:
        """Join with the reach of a map of the same length."""
        return Reach(np.minimum(self.first, other.first), np.maximum(self.last, other.last))

    def gather(self, taps: NDArray[np.int64]) -> Reach:
        """Return the reach of positions that read those listed in their row of ``taps``.

        Positions outside the map count as padding, which no pixel reaches.
        """
        inside = (taps >= 0) & (taps < len(self))
        index = np.clip(taps, 0, len(self) - 1)
        first = np.where(inside, self.first[index], _FAR).min(axis=1)
        last = np.where(inside, self.last[index], -_FAR).max(axis=1)
        return Reach(first, last)

    def radius(self) -> int:
        """Return the largest distance between a position and a pixel that changes it.

        Only the middle half counts, since the ends of the axis cut the reach short.
        """
        length = len(self)
        middle = np.arange(length // 4, length - length // 4)
        before = middle - self.first[middle]
        after = self.last[middle] - middle
        return max(int(before.max()), int(after.max()), 0)

    def halo(self, stride: int) -> int:
        """Return how many positions beside an edge are reached from beyond it.

        The edge lies at a multiple of ``stride`` in the middle of the axis; the larger of the two
        sides counts.
        """
        edge = len(self) // 2 // stride * stride
        from_before = np.flatnonzero(self.first[edge:] < edge)
        from_after = np.flatnonzero(self.last[:edge] >= edge)
        right = int(from_before[-1]) + 1 if from_before.size else 0
        left = edge - int(from_after[0]) if from_after.size else 0
        return max(left, right)


class Resampling(ABC):
    """What a layer does along one axis."""

    @property
    def scale(self) -> Fraction:
        """Length of the output per length of the input, apart from edges."""
        return Fraction(1)

    def apply(self, reach: Reach) -> Reach:
        """Carry a reach from the layer's input to its output."""
        return reach.gather(self._taps(len(reach)))

    @abstractmethod
    def _taps(self, length: int) -> NDArray[np.int64]:
        """Positions of an input of ``length`` that each position of the output reads, in a row."""


@dataclass(frozen=True)
class _Kernel(Resampling):
    kernel: int
    stride: int = 1
    dilation: int = 1
    same: bool = True

    @property
    def _span(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    @property
    def _offsets(self) -> NDArray[np.int64]:
        return np.arange(self.kernel, dtype=np.int64) * self.dilation


class Slide(_Kernel):
    """A window that slides: convolution and pooling."""

    @property
    def scale(self) -> Fraction:
        """Shrinks by the stride."""
        return Fraction(1, self.stride)

    def _taps(self, length: int) -> NDArray[np.int64]:
        if self.same:
            count = -(-length // self.stride)
            # The odd pixel of padding goes after the end, as in TensorFlow.
            before = max((count - 1) * self.stride + self._span - length, 0) // 2
        else:
            count, before = max((length - self._span) // self.stride + 1, 0), 0
        return np.arange(count)[:, None] * self.stride - before + self._offsets


class Spread(_Kernel):
    """A window that spreads: transposed convolution."""

    @property
    def scale(self) -> Fraction:
        """Grows by the stride."""
        return Fraction(self.stride)

    def _taps(self, length: int) -> NDArray[np.int64]:
        surplus = max(self._span - self.stride, 0)
        count = length * self.stride + (0 if self.same else surplus)
        before = surplus // 2 if self.same else 0
        sources = np.arange(count)[:, None] + before - self._offsets
        return np.where(sources % self.stride == 0, sources // self.stride, -1)


@dataclass(frozen=True)
class Enlarge(Resampling):
    """Upsampling by repeating, or by interpolating between pixel centres."""

    factor: int
    support: int
    """Distance at which the kernel falls to zero: 1 for bilinear, 2 for bicubic; 0 repeats."""

    @property
    def scale(self) -> Fraction:
        """Grows by the factor."""
        return Fraction(self.factor)

    def _taps(self, length: int) -> NDArray[np.int64]:
        positions = np.arange(length * self.factor)
        if not self.support:
            return positions[:, None] // self.factor
        # In units of 1 / (2 factor) the centre of an output pixel is an integer.
        centres = 2 * positions + 1 - self.factor
        below = centres // (2 * self.factor)
        taps = below[:, None] + np.arange(1 - self.support, self.support + 1)
        distance = np.abs(taps * 2 * self.factor - centres[:, None])
        return np.where(distance < self.support * 2 * self.factor, taps, -1)


@dataclass(frozen=True)
class Pad(Resampling):
    """Zeros added at the ends; negative numbers take positions off."""

    before: int
    after: int

    def _taps(self, length: int) -> NDArray[np.int64]:
        return np.arange(-self.before, length + self.after)[:, None]
