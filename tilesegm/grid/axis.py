"""Tiles along one axis of an image: where they start and how much each pixel of them counts.

The grid of an image is the product of two axes, so everything about overlap is said here once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.tiling import Blend

__all__ = ["Axis", "Span", "plan_axis"]


@dataclass(frozen=True, eq=False)  # arrays have no truth value: spans are compared by identity
class Span:
    """One tile on one axis.

    Only ``[start + low, start + high)`` of it reaches the result. The pixels outside are too
    close to the tile's edge to be trusted: they are computed for context and have no weight.
    """

    start: int
    low: int
    high: int
    weights: NDArray[np.float32]
    """Weight of each pixel of ``[low, high)``; over all spans they sum to one at every pixel."""

    alone: slice
    """Longest run of ``weights`` that are exactly one: there no other tile counts."""

    @property
    def first(self) -> int:
        """First pixel of the image that the span contributes to."""
        return self.start + self.low

    @property
    def last(self) -> int:
        """Pixel after the last one that the span contributes to."""
        return self.start + self.high


@dataclass(frozen=True)
class Axis:
    """All tiles along one axis."""

    size: int
    """Pixels of the image."""
    tile: int
    """Pixels of every tile; less than asked for where the image is smaller."""
    spans: tuple[Span, ...] = field(repr=False)

    @property
    def seams(self) -> NDArray[np.float64]:
        """Where neighbouring tiles change over: the middle of the pixels both contribute to."""
        return np.array([(late.first + early.last) / 2 for early, late in pairwise(self.spans)])

    def finished(self, number: int) -> int:
        """Return the pixel up to which all is final once this span and those before are added."""
        return self.spans[number + 1].first if number + 1 < len(self.spans) else self.size

    def cover(self, start: int, stop: int) -> range:
        """Numbers of the spans that contribute to pixels ``[start, stop)``."""
        touching = [n for n, s in enumerate(self.spans) if s.first < stop and s.last > start]
        return range(touching[0], touching[-1] + 1)

    def seam_distance(self, start: int, stop: int) -> NDArray[np.float64]:
        """Distance of the centres of pixels ``[start, stop)`` from the nearest seam, if any."""
        centres = np.arange(start, stop) + 0.5
        distance = np.full(stop - start, np.inf)
        for seam in self.seams:
            np.minimum(distance, np.abs(centres - seam), out=distance)
        return distance


def plan_axis(
    size: int, tile: int, overlap: int, *, stride: int = 1, margin: int, blend: Blend
) -> Axis:
    """Lay tiles of one size over ``size`` pixels.

    Starts are multiples of ``stride``, the last tile is moved back into the image (never cut), and
    the outer edges of the image keep full weight: there the network sees the border that it would
    see in one pass over everything.

    Args:
        size: pixels of the image, at least 1.
        tile: pixels of a tile, a multiple of ``stride``, at most ``size`` rounded up to it.
        overlap: least number of pixels that neighbours share; a multiple of ``stride``, smaller
            than ``tile``.
        stride: total stride of the network.
        margin: pixels without weight at a tile's inner edges, at most half the overlap.
        blend: shape of the fade over what the margins leave of the overlap.
    """
    padded = -(-size // stride) * stride
    last = max(padded - tile, 0)
    step = tile - overlap
    starts = [*range(0, last, step), last]
    fade = overlap - 2 * margin
    windows = np.ones((len(starts), tile))
    for n in range(1, len(starts)):
        # The last tile, moved back, shares more than the overlap: neighbours still change over
        # in the last ``overlap`` pixels of the earlier one.
        late = starts[n - 1] + tile - overlap - starts[n]
        rise = _rise(tile, margin + late, fade, blend)
        fall = _rise(tile, margin, fade, blend)[::-1]
        np.minimum(windows[n], rise, out=windows[n])
        np.minimum(windows[n - 1], fall, out=windows[n - 1])
    if blend == "crop":
        _cut(windows, starts, overlap)
    total = np.zeros(last + tile)
    for start, window in zip(starts, windows, strict=True):
        total[start : start + tile] += window
    spans = (
        _span(start, window / total[start : start + tile])
        for start, window in zip(starts, windows, strict=True)
    )
    return Axis(size, tile, tuple(spans))


def _rise(tile: int, margin: int, fade: int, blend: Blend) -> NDArray[np.float64]:
    """Weights of a tile that takes over from its left neighbour: none, rising, one."""
    ramp = (np.arange(fade) + 0.5) / max(fade, 1)
    shape = {
        "hann": np.sin(np.pi / 2 * ramp) ** 2,
        "linear": ramp,
        "gaussian": np.exp(-0.5 * (3 * (1 - ramp)) ** 2),
        "crop": np.ones(fade),
    }[blend]
    window = np.ones(tile)
    window[:margin] = 0
    window[margin : margin + fade] = shape[: max(tile - margin, 0)]
    return window


def _cut(windows: NDArray[np.float64], starts: list[int], overlap: int) -> None:
    """Give each pixel to one tile: neighbours part in the middle of the overlap."""
    tile = windows.shape[1]
    for n in range(1, len(starts)):
        middle = starts[n - 1] + tile - overlap + overlap // 2
        windows[n - 1, middle - starts[n - 1] :] = 0
        windows[n, : middle - starts[n]] = 0


def _span(start: int, window: NDArray[np.float64]) -> Span:
    counting = np.flatnonzero(window)
    low, high = int(counting[0]), int(counting[-1]) + 1
    weights = window[low:high].astype(np.float32)
    weights.setflags(write=False)
    return Span(start=start, low=low, high=high, weights=weights, alone=_longest_run(weights == 1))


def _longest_run(flags: NDArray[np.bool_]) -> slice:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    if not edges.size:
        return slice(0, 0)
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return slice(int(starts[longest]), int(stops[longest]))
