"""Class weights by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.errors import InputError, SettingsError
from tilesegm.training.class_weights import class_weights


def test_no_weights() -> None:
    assert class_weights([1, 2], "none") is None


def test_inverse_by_hand() -> None:
    # 1/10, 1/20, 1/40 over their mean 7/120: 12/7, 6/7, 3/7.
    found = class_weights([10, 20, 40], "inverse")
    assert found is not None
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([12, 6, 3]) / 7)
    assert class_weights([[4, 20, 0], [6, 0, 40]], "inverse") == pytest.approx(found)


def test_median_by_hand() -> None:
    # Image 1 shows 50 and 50, image 2 shows 90 and 10: frequencies 140/200, 50/100, 10/100.
    # Over the frequencies 0.7, 0.5, 0.1 goes 1/0.7, 2, 10, of mean (10/7 + 12) / 3 = 94/21.
    found = class_weights([[50, 50, 0], [90, 0, 10]], "median")
    assert found == pytest.approx(np.array([10 / 7, 2, 10]) * 21 / 94)
    assert class_weights([10, 20, 40], "median") == pytest.approx(
        class_weights([10, 20, 40], "inverse")
    )


def test_effective_by_hand() -> None:
    # Median 2, so beta = 1/2: 1 / (1 - 2**-n) is 2, 4/3, 16/15, of mean 22/15.
    found = class_weights([1, 2, 4], "effective")
    assert found == pytest.approx(np.array([2, 4 / 3, 16 / 15]) * 15 / 22)


def test_effective_saturates_for_common_classes() -> None:
    weights = class_weights([10**3, 10**5, 10**8, 10**10, 10**12], "effective")
    assert weights is not None
    assert weights[3] == pytest.approx(weights[4])
    # The first two are far below the median and go with one over their count.
    assert weights[0] / weights[1] == pytest.approx(100, rel=1e-3)


@given(
    st.lists(st.integers(0, 10**10), min_size=1, max_size=8).filter(any),
    st.sampled_from(["inverse", "median", "effective"]),
)
def test_rarer_never_weighs_less(counts: list[int], kind: str) -> None:
    weights = class_weights(counts, kind)  # type: ignore[arg-type]
    assert weights is not None
    assert (weights > 0).all()
    order = np.argsort(counts, kind="stable")
    assert (np.diff(weights[order]) <= 1e-6 * weights.max()).all()
    assert weights[np.array(counts) > 0].mean() == pytest.approx(1, rel=1e-5)


def test_classes_that_were_not_counted_weigh_as_the_rarest() -> None:
    weights = class_weights([0, 10, 90], "inverse")
    assert weights == pytest.approx([1.8, 1.8, 0.2])


def test_what_cannot_be_weighed() -> None:
    with pytest.raises(SettingsError, match=r"loss.class_weights is 'square'.*median"):
        class_weights([1, 2], "square")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="all zero"):
        class_weights([0, 0], "effective")
