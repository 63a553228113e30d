"""Counts summed over windows are those of the whole image, whatever the windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.maps import assert_equal, cut, random_maps, streamed
from tilesegm.metrics.map_counts import count_measures
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.objects import cut_objects, join_objects
from tilesegm.metrics.pair import make_pair

SIDES = st.tuples(st.integers(3, 60), st.integers(3, 60))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    side=SIDES,
    cap=st.integers(1, 12),
    band=st.integers(1, 9),
    rounds=st.integers(1, 5),
    holes=st.booleans(),
)
def test_windows_add_up_to_the_image(
    seed: int, side: tuple[int, int], cap: int, band: int, rounds: int, holes: bool
) -> None:
    truth, predicted = random_maps(seed, 53, 47, 3)
    known = np.random.default_rng(seed).random(truth.shape) > 0.05 if holes else None
    measures = Measures(band=band, tolerances=(), cap=cap, thin=(0, 2), rounds=rounds)
    whole = count_measures(make_pair(truth, predicted, 3, known), measures)
    assert_equal(streamed(truth, predicted, 3, known, side, measures), whole)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), side=SIDES, noise=st.booleans())
def test_objects_of_windows_are_those_of_the_image(
    seed: int, side: tuple[int, int], noise: bool
) -> None:
    truth, predicted = random_maps(seed, 53, 47, 3)
    if noise:  # mazes that are cut many times
        random = np.random.default_rng(seed)
        truth = (random.random(truth.shape) < 0.6).astype(np.uint8)
    classes = (0, 1)
    whole = join_objects({(0, 0): cut_objects(make_pair(truth, predicted, 3), classes)})
    parts = {at: cut_objects(pair, classes) for at, pair in cut(truth, predicted, 3, None, side, 0)}
    assert_equal(join_objects(parts), whole)


@pytest.mark.parametrize("missing", ["cap", "band", "thin"])
def test_a_halo_too_narrow_is_noticed_by_these_tests(missing: str) -> None:
    truth, predicted = random_maps(5, 53, 47, 3)
    measures = {
        "cap": Measures(band=1, cap=12, tolerances=()),
        "band": Measures(band=9, cap=1, tolerances=()),
        "thin": Measures(borders=False, thin=(0, 1, 2), rounds=6),
    }[missing]
    whole = count_measures(make_pair(truth, predicted, 3), measures)
    parts = [
        count_measures(pair, measures) for _, pair in cut(truth, predicted, 3, None, (9, 9), 1)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    with pytest.raises(AssertionError):
        assert_equal(total, whole)
