"""The learning rate over a run."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from tilesegm.losses.configured import Configured
from tilesegm.training.settings.config import ScheduleSettings

__all__ = ["WarmUpDecay"]


@keras.saving.register_keras_serializable(package="tilesegm")
class WarmUpDecay(Configured, keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that rises along a line, then falls.

    Update i of the W that warm up has ``(i + 1) / W`` of the highest rate, so that none is wasted
    at rate 0. Then the rate follows half a cosine (Loshchilov, Hutter: SGDR, ICLR 2017, with one
    cycle) or a line to zero at the end of the run, or stays.

    Args:
        rate: highest learning rate.
        updates: updates of the whole run.
        warm_up: updates that warm up.
        decay: ``"cosine"``, ``"linear"`` or ``"constant"``.
    """

    def __init__(self, rate: float, updates: int, warm_up: int, decay: str = "cosine") -> None:
        self.rate = rate
        self.updates = updates
        self.warm_up = warm_up
        self.decay = decay

    @classmethod
    def of(cls, rate: float, settings: ScheduleSettings) -> WarmUpDecay:
        """Make the schedule of a run."""
        updates = settings.epochs * settings.steps
        return cls(rate, updates, round(settings.warm_up * updates), settings.decay)

    def __call__(self, step: Any) -> Any:
        """Return the rate of an update; they count from 0."""
        done = ops.cast(step, "float32")
        rise = ops.minimum((done + 1.0) / max(self.warm_up, 1), 1.0)
        way = (done - self.warm_up) / max(self.updates - self.warm_up, 1)
        way = ops.clip(way, 0.0, 1.0)
        if self.decay == "cosine":
            fall = 0.5 * (1.0 + ops.cos(math.pi * way))
        else:
            fall = 1.0 - way if self.decay == "linear" else ops.ones_like(way)
        return self.rate * rise * fall
