"""What tests of augmentation are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tilesegm.data.augment.augmenter import Augmenter
from tilesegm.data.patch import IGNORE, Patch
from tilesegm.data.settings import AugmentationSettings
from tilesegm.data.statistics import BandStatistics

DTYPES = ("uint8", "int16", "uint16", "uint32", "float32", "float64")
EVERY_GEOMETRY = AugmentationSettings(rotate=180, scale=1, elastic=3, elastic_grain=9)
EVERY_COLOUR = AugmentationSettings(
    exposure=0.5, tint=0.2, brightness=0.2, contrast=0.5, gamma=0.5, noise=0.2, blur=2
)


def ranges(bands: int, low: float = 0.0, high: float = 255.0) -> BandStatistics:
    """Bands of one range."""
    middle, quarter = (low + high) / 2, (high - low) / 4
    return BandStatistics((middle,) * bands, (quarter,) * bands, (low,) * bands, (high,) * bands)


def augmenter(bands: int = 3, **settings: Any) -> Augmenter:
    """Augment bands from 0 to 255."""
    return Augmenter(AugmentationSettings(**settings), ranges(bands))


def noise_patch(
    side: int, bands: int = 3, *, dtype: str = "uint8", missing: float = 0.0, seed: int = 0
) -> Patch:
    """Random values, four classes, some pixels without a label and a share of missing ones."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (side, side, bands)).astype(dtype)
    valid = random.uniform(size=(side, side)) >= missing
    labels = random.integers(-1, 4, (side, side)).astype(np.int32)
    labels[~valid] = IGNORE
    weights = random.uniform(0.5, 9, (side, side)).astype(np.float32)
    return Patch(pixels, valid, labels, weights)


def assert_equal(left: Patch, right: Patch) -> None:
    """Compare every array, with its dtype."""
    for name in ("pixels", "valid", "labels", "weights"):
        one, two = getattr(left, name), getattr(right, name)
        assert (one is None) == (two is None)
        if one is not None:
            np.testing.assert_array_equal(one, two, err_msg=name, strict=True)


def copies(patch: Patch) -> tuple[NDArray[Any], ...]:
    """Arrays of a patch, to see later that nobody has changed them."""
    assert patch.weights is not None
    return tuple(array.copy() for array in (patch.pixels, patch.valid, patch.labels, patch.weights))


sizes = st.sampled_from((1, 2, 3, 7, 16, 33))
band_counts = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)
