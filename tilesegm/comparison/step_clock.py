"""How long a training step takes, of the progress that training tells."""

from __future__ import annotations

import math
import time

__all__ = ["StepClock"]


class StepClock:
    """Times the steps between two signs of progress in one epoch.

    The first step of an epoch may compile, and validation comes between epochs: neither is timed.

    Args:
        steps: of a whole run.
        epochs: of a whole run.
    """

    def __init__(self, steps: int, epochs: int) -> None:
        self._steps, self._each = steps, steps / epochs
        self._last: tuple[float, float] | None = None
        self.seconds_per_step: float | None = None
        """The shortest that was seen, since others hold other work; None before any."""

    def reach(self, fraction: float) -> None:
        """Take the fraction of the run that is done by now."""
        now, done = time.perf_counter(), fraction * self._steps
        if self._last is not None:
            began, before = self._last
            made = done - before
            if made > 0 and self._epoch(before) == self._epoch(done):
                step = (now - began) / made
                self.seconds_per_step = min(step, self.seconds_per_step or step)
        self._last = now, done

    def _epoch(self, done: float) -> int:
        return math.ceil(done / self._each - 1e-6)
