"""Maps for tests, whole and cut into windows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from tilesegm.metrics.map_counts import MapCounts, count_measures
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.pair import WindowPair, make_pair

Map = NDArray[np.uint8]


def random_maps(seed: int, height: int, width: int, classes: int) -> tuple[Map, Map]:
    """Draw a map of patches, and one that resembles it."""
    random = np.random.default_rng(seed)
    grain = random.integers(2, 8)
    small = (height // grain + 2, width // grain + 2)

    def field() -> NDArray[np.float64]:
        return scipy.ndimage.zoom(random.random(small), grain, order=1)[:height, :width]

    first = field()
    second = first + 0.3 * (field() - 0.5)
    ends = np.quantile(first, np.linspace(0, 1, classes + 1)[1:-1])
    return np.digitize(first, ends).astype(np.uint8), np.digitize(second, ends).astype(np.uint8)


def cut(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    classes: int,
    known: NDArray[np.bool_] | None,
    side: tuple[int, int],
    halo: int,
) -> Iterator[tuple[tuple[int, int], WindowPair]]:
    """Cut two maps into windows with a halo, as far as the maps go."""
    height, width = truth.shape
    for i, row in enumerate(range(0, height, side[0])):
        for j, col in enumerate(range(0, width, side[1])):
            top, left = max(row - halo, 0), max(col - halo, 0)
            stop, end = min(row + side[0], height), min(col + side[1], width)
            part = slice(top, stop + halo), slice(left, end + halo)
            inner = slice(row - top, stop - top), slice(col - left, end - left)
            mine = None if known is None else known[part]
            yield (i, j), make_pair(truth[part], predicted[part], classes, mine, inner)


def streamed(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    classes: int,
    known: NDArray[np.bool_] | None,
    side: tuple[int, int],
    measures: Measures,
) -> MapCounts:
    """Sum the counts of all windows."""
    parts = cut(truth, predicted, classes, known, side, measures.halo)
    return reduce(add, (count_measures(pair, measures) for _, pair in parts))


def assert_equal(first: Any, second: Any) -> None:
    """Compare counts to the last pixel."""
    assert type(first) is type(second)
    for name, value in vars(first).items():
        other = getattr(second, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other, err_msg=name)
        elif value is None:
            assert other is None
        else:
            assert_equal(value, other)
