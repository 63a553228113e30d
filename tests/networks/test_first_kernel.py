"""Kernels for red, green and blue spread over other bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.networks.encoder_file import spread_over_bands

KERNEL = np.array([1.0, 2.0, 6.0], np.float32).reshape(1, 1, 3, 1)


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (1, [9.0]),
        (2, [4.5, 4.5]),
        (3, [1.0, 2.0, 6.0]),
        # 3/5 of (1, 2, 6, 3, 3).
        (5, [0.6, 1.2, 3.6, 1.8, 1.8]),
    ],
)
def test_by_hand(bands: int, expected: list[float]) -> None:
    spread = spread_over_bands(KERNEL, bands)
    assert spread.shape == (1, 1, bands, 1)
    assert spread.dtype == np.float32
    np.testing.assert_allclose(spread.ravel(), expected, rtol=1e-6)


@given(bands=st.integers(1, 20), seed=st.integers(0, 99))
def test_equal_bands_are_a_grey_photograph(bands: int, seed: int) -> None:
    kernel = np.random.default_rng(seed).normal(size=(3, 3, 3, 4))
    spread = spread_over_bands(kernel, bands)
    np.testing.assert_allclose(spread.sum(axis=2), kernel.sum(axis=2), atol=1e-5)
