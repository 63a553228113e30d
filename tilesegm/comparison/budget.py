"""How long a comparison takes, and how long its runs may be to fit into a time."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from tilesegm.comparison.dropping import KEPT, LEAST
from tilesegm.comparison.plan import Plan
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, StageStarted, ignore

__all__ = ["Cost", "fit_steps", "measure_cost", "starts_of", "steps_before", "steps_of"]


@dataclass(frozen=True)
class Cost:
    """Times of this machine, in seconds."""

    step: float
    """Of a training step, the mean of all variants."""
    start: float
    """Of everything but steps up to a look, scoring of validation pixels included; done again for
    each look."""
    test: float = 0.0
    """Of scoring test pixels, at the end of a run."""

    def seconds(self, plan: Plan, workers: int = 1) -> float:
        """Return what a comparison takes."""
        ends = _stretches(plan)[-1][0] * len(plan.seeds) * len(plan.folds)
        once = starts_of(plan) * self.start + ends * self.test
        return (once + steps_of(plan) * self.step) / workers


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
    """Time one step of each variant, and one run of the first that makes a step and is scored.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: statistics cannot be written.
    """
    from tilesegm.training.dry_run import dry_run

    steps = []
    for name in plan.names:
        config = replace(plan.configs[name], output=str(plan.folder))
        found = dry_run(config, on_event=on_event)
        readers = config.device.readers or 1
        steps.append(max(found.seconds_per_step, found.seconds_per_batch / readers))
    start, test = _time_run(plan, on_event)
    return Cost(sum(steps) / len(steps), start, test)


def _time_run(plan: Plan, on_event: OnEvent) -> tuple[float, float]:
    """Time a run of one step up to its scores of validation pixels, and those of test pixels."""
    import keras

    from tilesegm.comparison.look import take_look
    from tilesegm.comparison.scored_pixels import ScoredPixels
    from tilesegm.metrics.measures import Measures
    from tilesegm.model.open import open_model
    from tilesegm.training.run import train_on
    from tilesegm.training.setup import set_up_aside

    fold, options = plan.folds[0], plan.options
    measures = Measures(band=2, thin=options.thin, objects=options.objects)
    config = plan.config_of(plan.trials[0])
    schedule = replace(config.schedule, steps=1)
    on_event(StageStarted("timing a run"))
    with (
        TemporaryDirectory() as folder,
        set_up_aside(replace(config, output=str(plan.folder)), on_event=ignore) as setup,
    ):
        scored = ScoredPixels(setup.data, config.validation, (fold,))
        short = replace(config, output=f"{folder}/run", schedule=schedule)
        Path(short.output).mkdir()
        shutil.copyfile(plan.folder / "statistics.npz", Path(short.output) / "statistics.npz")
        keras.backend.clear_session()
        times = [time.perf_counter()]
        bundle = train_on(scored.scenes, short, until=1).bundle
        predictor = open_model(bundle, bands=scored.scenes.bands)
        for last in (False, True):
            take_look(predictor, scored, fold, measures, last=last)
            times.append(time.perf_counter())
        start, both = (end - begin for begin, end in pairwise(times))
        # The second look scores validation pixels once more; without test pixels it is all of it.
        look = both * len(scored.test) / max(len(scored.test) + len(scored.validation[fold]), 1)
    return start, look


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
            f"to start and score {starts_of(least)} times, {cost.step:.2f} s an update); give more "
            "time, or fewer seeds, folds or values"
        )
    spare = seconds * workers - replace(cost, step=0.0).seconds(least)
    return max(int(spare / (steps_of(least) * cost.step)), 1) * usual.epochs


def steps_before(folder: Path) -> int | None:
    """Return the updates of a run that a comparison began with; None where there is none."""
    try:
        facts = json.loads((folder / "comparison.json").read_text("utf-8"))
        steps: int | None = facts["options"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # `claim` says what is wrong with it
    return steps
