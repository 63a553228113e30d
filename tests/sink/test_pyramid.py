from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tilesegm.sink.pyramid import halve_mean, halve_mode, level_sizes

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def blocks(values):
    """The pixels of each 2 x 2 block, in reading order."""
    for row in range(0, values.shape[0], 2):
        for col in range(0, values.shape[1], 2):
            yield row // 2, col // 2, values[row : row + 2, col : col + 2].ravel().tolist()


def counted_mode(values, nodata):
    out = np.zeros(((values.shape[0] + 1) // 2, (values.shape[1] + 1) // 2), values.dtype)
    for row, col, pixels in blocks(values):
        valid = [pixel for pixel in pixels if pixel != nodata]
        # most_common keeps the order of first meeting among equals
        out[row, col] = Counter(valid).most_common(1)[0][0] if valid else nodata
    return out


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ([[1, 2], [3, 4]], 1),
        ([[1, 2], [2, 4]], 2),
        ([[1, 2], [3, 2]], 2),
        ([[1, 2], [3, 3]], 3),
        ([[1, 2], [2, 1]], 1),
        ([[1, 2], [1, 2]], 1),
        ([[1, 1], [2, 2]], 1),
        ([[1, 2], [2, 2]], 2),
        ([[9, 9], [9, 4]], 4),
        ([[9, 9], [3, 4]], 3),
        ([[9, 1], [2, 2]], 2),
        ([[9, 9], [9, 9]], 9),
    ],
)
def test_mode_of_a_block(block, expected):
    assert halve_mode(np.array(block, np.uint8), nodata=9).tolist() == [[expected]]


@given(
    values=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: arrays(dtype, SHAPES, elements=st.integers(0, 4))
    ),
    nodata=st.sampled_from([None, 3, 200]),
)
def test_mode_is_the_counted_mode(values, nodata):
    assert np.array_equal(halve_mode(values, nodata), counted_mode(values, nodata))


def test_mode_of_every_block_of_four_ids():
    """All 256 blocks at once, wide enough for more than one strip."""
    ids = np.array(np.meshgrid(*[np.arange(4, dtype=np.uint8)] * 4)).reshape(4, 256)
    values = np.zeros((2 * 256, 2), np.uint8)
    values[0::2, 0], values[0::2, 1], values[1::2, 0], values[1::2, 1] = ids
    assert np.array_equal(halve_mode(values), counted_mode(values, None))
    assert np.array_equal(halve_mode(values, 3), counted_mode(values, 3))


@given(
    values=arrays(np.uint8, SHAPES, elements=st.integers(0, 255)),
    nodata=st.sampled_from([None, 0, 255]),
)
def test_integer_mean_rounds_half_up_over_valid_pixels(values, nodata):
    out = halve_mean(values, nodata)
    for row, col, pixels in blocks(values):
        valid = [pixel for pixel in pixels if pixel != nodata]
        expected = int(sum(valid) / len(valid) + 0.5) if valid else nodata
        assert out[row, col] == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_float_mean_leaves_nan_out(dtype):
    values = np.array([[1, 2, np.nan, np.nan], [np.nan, 6, np.nan, np.nan]], dtype)
    out = halve_mean(values, np.nan)
    assert out.dtype == dtype
    assert out[0, 0] == 3
    assert np.isnan(out[0, 1])


def test_float16_mean_does_not_overflow():
    assert halve_mean(np.full((2, 2), 60000, np.float16)).item() == np.float16(60000)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 1), [(1, 1)]),
        ((512, 512), [(512, 512)]),
        ((513, 3), [(513, 3), (257, 2)]),
        ((1, 2049), [(1, 2049), (1, 1025), (1, 513), (1, 257)]),
    ],
)
def test_levels(size, expected):
    assert list(level_sizes(*size)) == expected
