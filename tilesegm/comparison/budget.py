"""How long a comparison takes, and how long its runs may be to fit into a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tilesegm.comparison.dropping import KEPT, LEAST
from tilesegm.comparison.plan import Plan
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, ignore

__all__ = ["Cost", "fit_steps", "measure_cost", "starts_of", "steps_before", "steps_of"]


@dataclass(frozen=True)
class Cost:
    """Times of this machine, in seconds."""

    step: float
    """Of a training step, the mean of all variants."""
    start: float
    """Of everything before the first step of a run, which is done again after each look."""

    def seconds(self, plan: Plan, workers: int = 1) -> float:
        """Return what a comparison takes, the scoring of its runs left out."""
        return (starts_of(plan) * self.start + steps_of(plan) * self.step) / workers


def starts_of(plan: Plan) -> int:
    """How often training starts or goes on, over all runs."""
    return sum(live for live, _ in _stretches(plan)) * len(plan.seeds) * len(plan.folds)


def steps_of(plan: Plan) -> int:
    """Updates of all runs, less those of runs that are dropped."""
    each = plan.steps // plan.epochs
    whole = sum(live * epochs for live, epochs in _stretches(plan))
    return whole * each * len(plan.seeds) * len(plan.folds)


def _stretches(plan: Plan) -> list[tuple[int, int]]:
    """Variants that take part in each stretch between looks, and its epochs."""
    live, before, found = len(plan.variants), 0, []
    for rung in plan.rungs:
        found.append((live, rung - before))
        live, before = min(live, max(-(-live // KEPT), LEAST)), rung
    return found


def measure_cost(plan: Plan, on_event: OnEvent = ignore) -> Cost:
    """Time one step of each variant.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: statistics cannot be written.
    """
    from tilesegm.training.dry_run import dry_run

    steps, starts = [], []
    for name in plan.names:
        config = replace(plan.configs[name], output=str(plan.folder))
        began = time.perf_counter()
        found = dry_run(config, on_event=on_event)
        starts.append(time.perf_counter() - began)
        readers = config.device.readers or 1
        steps.append(max(found.seconds_per_step, found.seconds_per_batch / readers))
    return Cost(sum(steps) / len(steps), sum(starts) / len(starts))


def fit_steps(
    make: Callable[[int | None], Plan], cost: Cost, seconds: float, workers: int = 1
) -> int:
    """Return the updates of a run with which a comparison takes a time.

    Args:
        make: makes the plan with so many updates a run.
        cost: of this machine.
        seconds: that it may take.
        workers: processes that train side by side.

    Raises:
        SettingsError: not even one update an epoch fits.
    """
    usual = make(None)
    least = make(usual.epochs)
    if cost.seconds(least, workers) > seconds:
        runs = len(least.trials)
        raise SettingsError(
            f"a budget of {seconds:.0f} s is too small: {runs} runs of {least.steps} updates, one "
            f"an epoch, take about {cost.seconds(least, workers):.0f} s here ({cost.start:.1f} s "
            f"to start {starts_of(least)} times, {cost.step:.2f} s an update); give more time, or "
            "fewer seeds, folds or values"
        )
    spare = seconds * workers - starts_of(least) * cost.start
    return max(int(spare / (steps_of(least) * cost.step)), 1) * usual.epochs


def steps_before(folder: Path) -> int | None:
    """Return the updates of a run that a comparison began with; None where there is none."""
    try:
        facts = json.loads((folder / "comparison.json").read_text("utf-8"))
        steps: int | None = facts["options"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # `claim` says what is wrong with it
    return steps
