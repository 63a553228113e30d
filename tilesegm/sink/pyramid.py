"""Overviews: an image at half its size, a quarter, an eighth ...

A level is made from the level below it, block by block, so that overviews cost one pass over
pixels that are in memory anyway. Sizes round up: the last row of an odd image is a block of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.sink.layer import Layer

__all__ = [
    "SMALLEST",
    "STREAMED",
    "halve",
    "halve_mean",
    "halve_mode",
    "level_chunk",
    "level_sizes",
]

SMALLEST = 512
"""Levels are added until the larger side is no more than this."""

STREAMED = 2
"""Levels that are made while rows pass by. Deeper ones have a sixty-fourth of the pixels or fewer:
they are made at the end, and spare the run many small files."""

_STRIP = 64  # rows at a time: keeps what is worked on in the processor's cache


def level_sizes(height: int, width: int) -> tuple[tuple[int, int], ...]:
    """Heights and widths of all levels; the image itself comes first."""
    sizes = [(height, width)]
    while max(sizes[-1]) > SMALLEST:
        rows, cols = sizes[-1]
        sizes.append((-(-rows // 2), -(-cols // 2)))
    return tuple(sizes)


def level_chunk(chunk: int, level: int) -> int:
    """Side of a level's chunks: streamed levels shrink with the chunk of the image."""
    return chunk >> min(level, STREAMED)


def halve(values: NDArray[Any], layer: Layer) -> NDArray[Any]:
    """Shrink ``(h, w)`` values of a layer to ``(ceil(h / 2), ceil(w / 2))``."""
    if layer.overview == "mode":
        return halve_mode(values, layer.nodata)
    return halve_mean(values, layer.nodata)


def halve_mode(values: NDArray[Any], nodata: float | None = None) -> NDArray[Any]:
    """Take the most frequent id of each 2 × 2 block.

    Of equally frequent ids the first in reading order wins; any id wins over nodata.

    Args:
        values: ``(h, w)`` unsigned integers.
        nodata: id that marks pixels without result.

    Returns:
        ``(ceil(h / 2), ceil(w / 2))`` of the same dtype.
    """
    values = _even(values)
    out = np.empty((values.shape[0] // 2, values.shape[1] // 2), values.dtype)
    for row in range(0, len(out), _STRIP):
        strip = values[2 * row : 2 * (row + _STRIP)]
        corners = strip[0::2, 0::2], strip[0::2, 1::2], strip[1::2, 0::2], strip[1::2, 1::2]
        a, b, c, d = (np.ascontiguousarray(corner) for corner in corners)
        target = out[row : row + _STRIP]
        if nodata is not None and (strip == nodata).any():
            _mode_of_valid(a, b, c, d, nodata, target)
        else:
            _mode(a, b, c, d, target)
    return out


def _mode(
    a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], d: NDArray[Any], out: NDArray[Any]
) -> None:
    # The first pixel loses only against a pair it is no part of, when the fourth is not its twin.
    take_b = ((b == c) & (a != d)) | ((b == d) & (a != c))
    take_c = (c == d) & (a != b)
    out[:] = a
    signed = np.dtype(f"i{a.itemsize}")
    for take, other in ((take_b, b), (take_c, c)):
        # Where both hold, b = c = d. A product of bits is several times faster than np.where.
        mask = np.negative(take.view(np.uint8)).astype(np.int8).astype(signed).view(a.dtype)
        out ^= (out ^ other) & mask


def _mode_of_valid(
    a: NDArray[Any],
    b: NDArray[Any],
    c: NDArray[Any],
    d: NDArray[Any],
    nodata: float,
    out: NDArray[Any],
) -> None:
    first = np.where(a != nodata, a, np.where(b != nodata, b, np.where(c != nodata, c, d)))
    pair_a = (a != nodata) & ((a == b) | (a == c) | (a == d))
    pair_b = (b != nodata) & ((b == c) | (b == d))
    pair_c = (c != nodata) & (c == d)
    out[:] = np.where(pair_a, a, np.where(pair_b, b, np.where(pair_c, c, first)))


def halve_mean(values: NDArray[Any], nodata: float | None = None) -> NDArray[Any]:
    """Take the mean of the valid pixels of each 2 × 2 block, nodata where there is none.

    Args:
        values: ``(h, w)`` unsigned integers or floats. NaN is never valid.
        nodata: value that marks pixels without result.

    Returns:
        ``(ceil(h / 2), ceil(w / 2))`` of the same dtype; integers round half up.
    """
    values = _even(values)
    whole = values.dtype.kind == "u"
    wide = np.uint32 if values.dtype.itemsize > 1 else np.uint16
    out = np.empty((values.shape[0] // 2, values.shape[1] // 2), values.dtype)
    for row in range(0, len(out), _STRIP):
        strip = values[2 * row : 2 * (row + _STRIP)]
        numbers = strip.astype(wide if whole else np.float32 if strip.itemsize < 4 else np.float64)
        missing = np.isnan(strip) if not whole else np.zeros(strip.shape, bool)
        if nodata is not None and not np.isnan(nodata):
            missing |= strip == nodata
        target = out[row : row + _STRIP]
        if not missing.any():
            total = _sum(numbers)
            target[:] = (total + 2) // 4 if whole else total / 4
            continue
        numbers[missing] = 0
        total, count = _sum(numbers), 4 - _sum(missing.astype(numbers.dtype))
        divisor = np.maximum(count, 1)
        mean = (2 * total + divisor) // (2 * divisor) if whole else total / divisor
        mean = mean.astype(target.dtype)
        mean[count == 0] = np.nan if nodata is None else nodata
        target[:] = mean
    return out


def _sum(values: NDArray[Any]) -> NDArray[Any]:
    rows: NDArray[Any] = values[0::2] + values[1::2]
    total: NDArray[Any] = rows[:, 0::2] + rows[:, 1::2]
    return total


def _even(values: NDArray[Any]) -> NDArray[Any]:
    # Repeating the edge leaves modes, ties and means of the short blocks as they are.
    odd = values.shape[0] % 2, values.shape[1] % 2
    return np.pad(values, ((0, odd[0]), (0, odd[1])), mode="edge") if any(odd) else values
