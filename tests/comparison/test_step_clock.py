"""Which stretches of a run are timed."""

from __future__ import annotations

import time

import pytest

from tilesegm.comparison.step_clock import StepClock


def test_steps_are_timed_within_an_epoch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # 2 epochs of 20 steps: the first step compiles for 50 s, validation takes 30 s.
    signs = [(50.0, 1), (50.9, 10), (51.5, 20), (82.5, 21), (82.5 + 1.8, 30)]
    clock = StepClock(steps=40, epochs=2)
    seen = []
    for now, done in signs:
        monkeypatch.setattr(time, "perf_counter", lambda now=now: now)
        clock.reach(done / 40)
        seen.append(clock.seconds_per_step)
    # 0.9 s for 9 steps, then 0.6 s for 10; that of 31 s is across epochs.
    assert seen == [None, *map(pytest.approx, (0.1, 0.06, 0.06, 0.06))]


def test_epochs_of_few_steps_give_no_time() -> None:
    clock = StepClock(steps=4, epochs=2)
    clock.reach(1 / 4)
    clock.reach(3 / 4)
    assert clock.seconds_per_step is None
