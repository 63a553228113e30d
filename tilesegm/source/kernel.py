"""What each pixel of a resampled axis is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kernel", "Taps"]


@dataclass(frozen=True)
class Taps:
    """Pixels that a stretch of an axis is made of, and how much each of them counts."""

    index: NDArray[np.int64]
    """``(taps, pixels)``: places on the stored axis."""
    weight: NDArray[np.float64]
    """``(taps, pixels)``: sums to 1 over the taps, up to rounding."""
    member: NDArray[np.bool_]
    """``(taps, pixels)``: whether a pixel is there when this one is."""
    nearest: NDArray[np.int64]
    """``(pixels,)``: the place that holds the centre of each pixel."""

    def counted_from(self, first: int) -> Taps:
        """Count places from one on; those that do not count may lie beyond what was read."""
        index = np.where(self.weight > 0, self.index - first, 0)
        return replace(self, index=index, nearest=self.nearest - first)

    def sum(self, values: NDArray[Any], axis: int) -> NDArray[Any]:
        """Weigh values along an axis, in one order whatever the window is."""
        return self._add(values, axis, self.weight.astype(values.dtype))

    def any(self, there: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
        """Tell along an axis which pixels are there, as `member` says."""
        found: NDArray[np.bool_] = self._add(there, axis, self.member)
        return found

    def _add(self, values: NDArray[Any], axis: int, factors: NDArray[Any]) -> NDArray[Any]:
        shape = [1] * values.ndim
        shape[axis] = -1
        total: NDArray[Any] = values.take(self.index[0], axis) * factors[0].reshape(shape)
        for index, factor in zip(self.index[1:], factors[1:], strict=True):
            # No matrix product: its sums depend on the shape of what is multiplied. For booleans
            # these are "or" and "and".
            total += values.take(index, axis) * factor.reshape(shape)
        return total


@dataclass(frozen=True)
class Kernel:
    """Brings an axis of ``stored`` pixels to ``size`` pixels over the same length.

    Fewer pixels are the averages of what they cover, by the length that they share. More pixels are
    interpolated linearly between the centres of the two nearest ones. All places are fractions of
    whole numbers, so that a pixel does not depend on the window that it is in.
    """

    stored: int
    size: int

    def taps(self, start: int, stop: int) -> Taps:
        """Return what pixels ``start..stop`` are made of."""
        pixels = np.arange(start, stop, dtype=np.int64)
        nearest = (2 * pixels + 1) * self.stored // (2 * self.size)
        if self.stored >= self.size:
            # In units of a stored pixel / size: pixel i covers stored * [i, i + 1).
            low, high = pixels * self.stored, (pixels + 1) * self.stored
            count = -(-self.stored // self.size) + (self.stored % self.size > 0)
            index = low // self.size + np.arange(count)[:, None]
            ends = np.minimum(high, (index + 1) * self.size)
            shared = np.maximum(ends - np.maximum(low, index * self.size), 0)
            weight, member = shared / self.stored, shared > 0
        else:
            # Centres in units of a stored pixel / (2 size), from the centre of the first one.
            centre, unit = (2 * pixels + 1) * self.stored - self.size, 2 * self.size
            first = centre // unit
            after = (centre - first * unit) / unit
            index = np.stack([first, first + 1])
            weight, member = np.stack([1 - after, after]), index == nearest
        return Taps(np.clip(index, 0, self.stored - 1), weight, member, nearest)

    def reach(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first stored pixel that pixels ``start..stop`` need, and the one after all."""
        first, last = self.taps(start, start + 1), self.taps(stop - 1, stop)
        return int(first.index.min()), int(last.index[last.weight > 0].max()) + 1
