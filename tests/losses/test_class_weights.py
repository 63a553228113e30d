"""Class weights from counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.errors import InputError
from tilesegm.losses import (
    class_balanced_weights,
    inverse_frequency_weights,
    median_frequency_weights,
)

RULES = (class_balanced_weights, inverse_frequency_weights, median_frequency_weights)


def test_class_balanced_by_hand() -> None:
    # (1 - 0.5) / (1 - 0.5^n) for n = 1, 2: 1 and 2/3; scaled to the sum 2: 1.2 and 0.8.
    assert class_balanced_weights([1, 2], beta=0.5) == pytest.approx((1.2, 0.8))


def test_class_balanced_limits() -> None:
    assert class_balanced_weights([5, 50, 500], beta=0.0) == pytest.approx((1.0, 1.0, 1.0))
    inverse = class_balanced_weights([10, 40], beta=1 - 1e-12)
    assert inverse[0] / inverse[1] == pytest.approx(4.0, rel=1e-6)


def test_inverse_frequency_by_hand() -> None:
    # 1 / 10, 1 / 40 scaled to the sum 2: 8 / 5 and 2 / 5.
    assert inverse_frequency_weights([10, 40]) == pytest.approx((1.6, 0.4))


def test_median_frequency_by_hand() -> None:
    # Image 1: 50 and 50 pixels; image 2: 90 and 0, and 10 of class 2. Frequencies 140 / 200,
    # 50 / 100, 10 / 100; median 0.5.
    weights = median_frequency_weights([[50, 50, 0], [90, 0, 10]])
    assert weights == pytest.approx((0.5 / 0.7, 1.0, 5.0))


def test_classes_that_never_occur_weigh_nothing_and_move_nothing() -> None:
    for rule in RULES:
        with_absent = rule([30, 0, 10])
        assert with_absent[1] == 0.0
        assert (with_absent[0], with_absent[2]) == pytest.approx(rule([30, 10]))


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=8))
def test_rarer_never_weighs_less(counts: list[int]) -> None:
    for rule in RULES:
        weights = np.array(rule(counts))
        assert np.isfinite(weights).all()
        order = np.argsort(counts, kind="stable")
        assert (np.diff(weights[order]) <= 1e-9 * weights.max()).all()


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 2], [np.nan, 1], [[[1]]]])
def test_counts_that_make_no_sense_are_refused(counts: list[float]) -> None:
    for rule in RULES:
        with pytest.raises(InputError, match="counts"):
            rule(counts)
    with pytest.raises(InputError, match="beta is 1"):
        class_balanced_weights([1, 2], beta=1.0)
