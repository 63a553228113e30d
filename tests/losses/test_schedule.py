"""Schedules are pure functions of the epoch."""

from __future__ import annotations

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.losses.weighting_toy import Parabola
from tilesegm.errors import SettingsError
from tilesegm.losses.weighting import Constant, Cosine, Linear, Scheduled, rebalance
from tilesegm.losses.weighting.schedule import OneMinus


def test_linear_by_hand() -> None:
    ramp = Linear(1.0, 0.0, epochs=4, begin=2)
    assert [ramp(epoch) for epoch in range(8)] == [1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


def test_cosine_by_hand() -> None:
    ramp = Cosine(0.0, 2.0, epochs=4)
    # 1 - cos(k pi / 4): 0, 1 - sqrt(1/2), 1, 1 + sqrt(1/2), 2
    expected = [0.0, 0.2928932, 1.0, 1.7071068, 2.0, 2.0]
    assert [ramp(epoch) for epoch in range(6)] == pytest.approx(expected, abs=1e-7)


def test_constant_and_what_it_leaves_of_one() -> None:
    assert Constant(0.3)(99) == 0.3
    assert OneMinus(Constant(0.3))(99) == 0.7


@given(
    st.sampled_from([Linear, Cosine]),
    st.floats(0, 10),
    st.floats(0, 10),
    st.integers(1, 50),
    st.integers(0, 50),
)
def test_ramps_are_monotonic_between_their_ends(
    ramp: type[Linear], start: float, end: float, epochs: int, begin: int
) -> None:
    values = [ramp(start, end, epochs, begin)(epoch) for epoch in range(begin + epochs + 3)]
    assert values[: begin + 1] == pytest.approx([start] * (begin + 1))
    assert values[begin + epochs :] == pytest.approx([end] * 3)
    assert values == pytest.approx(sorted(values, reverse=end < start))


def test_rebalancing_is_that_of_the_paper() -> None:
    rule = rebalance()
    rule.build((2,))
    for epoch, expected in [(0, 0.01), (1, 0.02), (49, 0.50), (98, 0.99), (500, 0.99)]:
        rule.begin_epoch(epoch)
        assert rule.factors.numpy().tolist() == pytest.approx([1.0 - expected, expected], abs=1e-6)


@pytest.mark.parametrize("arguments", [(0.0, 1.0, 0), (0.0, 1.0, 5, -1)])
def test_ramps_without_length_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="at least 1 epoch"):
        Linear(*arguments)


def test_every_loss_needs_its_schedule() -> None:
    with pytest.raises(SettingsError, match=r"2 schedules for 1 losses \(parabola\)"):
        rebalance().check(1.0 * Parabola())


def test_schedules_come_back_from_their_config() -> None:
    rule = Scheduled([OneMinus(Cosine(0.0, 0.5, 7)), Linear(1.0, 0.0, 3, begin=2), Constant(0.1)])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rule))
    assert again.schedules == rule.schedules
