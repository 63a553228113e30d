"""Trains and scores the runs of a comparison, in any number of processes that share a folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from tilesegm.comparison.dropping import survivors
from tilesegm.comparison.folder import ComparisonFolder
from tilesegm.comparison.look import Look, load_look, save_look, take_look
from tilesegm.comparison.measures import MEASURES, Measure, scores_of
from tilesegm.comparison.plan import Plan, Trial
from tilesegm.comparison.rows import Row, append_rows, read_rows
from tilesegm.comparison.rules import rule_cell
from tilesegm.comparison.scored_pixels import ScoredPixels
from tilesegm.comparison.step_clock import StepClock
from tilesegm.data.scenes import Scenes
from tilesegm.errors import OutputError, ResumeError
from tilesegm.events import EpochEnded, Event, Noted, OnEvent, StageProgress, StageStarted
from tilesegm.metrics.measures import Measures
from tilesegm.shown import line_of
from tilesegm.training.result import TrainingResult
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import config_digest

__all__ = ["Runner", "Standing", "rank_score"]

_PAUSE = 1.0
"""Seconds between two looks at what others have finished."""


@dataclass(frozen=True)
class Standing:
    """How far a comparison is: a function of the files of its folder alone."""

    rung: int | None
    """Number of the look that is not whole yet; None when all are."""
    live: tuple[str, ...]
    """Variants that take part in it."""
    dropped: Mapping[str, int]
    """Epoch after which each of the others was dropped."""


def rank_score(look: Look, measures: Sequence[Measure]) -> float:
    """Return what a run is ranked by, of validation pixels; high is good."""
    sums = {name: part.sum(0) for name, part in look.validation.items()}
    return float(np.mean([m.sign * scores_of(sums, m) for m in measures]))


class Runner:
    """Does what is left of a comparison.

    Args:
        plan: all runs.
        folder: of the comparison.
        scored: pixels that runs are scored on.
        on_event: called with progress.
    """

    def __init__(
        self, plan: Plan, folder: ComparisonFolder, scored: ScoredPixels, on_event: OnEvent
    ) -> None:
        self.plan, self.folder, self.scored = plan, folder, scored
        self._tell = on_event
        self._scores: dict[tuple[Trial, int], float] = {}
        options = plan.options
        # Bands are narrower than those of `evaluate`, as windows are smaller than maps.
        self.measures = Measures(band=2, thin=options.thin, objects=options.objects)

    def work(self) -> None:
        """Train and score whatever nobody else is at, until nothing is left.

        Raises:
            OutputError: a file cannot be written; all that is finished is kept.
        """
        while True:
            self._settle()
            standing = self.standing()
            if standing.rung is None:
                return
            epoch = self.plan.rungs[standing.rung]
            left = [
                trial
                for trial in self.plan.trials
                if trial.variant in standing.live and not self._is_over(trial, epoch)
            ]
            if not any(self._take(trial, epoch) for trial in left):
                time.sleep(_PAUSE)

    def standing(self) -> Standing:
        """Tell how far the comparison is."""
        live = self.plan.names
        dropped: dict[str, int] = {}
        failed = self._failed()
        for number, epoch in enumerate(self.plan.rungs):
            trials = [trial for trial in self.plan.trials if trial.variant in live]
            if not all(self._path(t, epoch).exists() or t in failed for t in trials):
                return Standing(number, live, dropped)
            if epoch < self.plan.epochs:
                kept = survivors(
                    {
                        name: [self._score(t, epoch) for t in trials if t.variant == name]
                        for name in live
                    }
                )
                dropped |= {name: epoch for name in live if name not in kept}
                live = tuple(name for name in live if name in kept)
        return Standing(None, live, dropped)

    def _take(self, trial: Trial, epoch: int) -> bool:
        """Bring a run to an epoch and score it, unless another process is at it."""
        name = self.plan.name_of(trial)
        with self.folder.lock(name) as mine:
            if not mine or self._is_over(trial, epoch):
                return False
            self._tell(StageStarted(f"{trial.words}, epoch {epoch} of {self.plan.epochs}"))
            try:
                self._train_and_look(trial, epoch)
            except (OutputError, MemoryError):
                raise
            except Exception as error:
                reason = line_of(error)
                self._tell(Noted(f"{trial.words}: {reason}; the other runs go on"))
                with self.folder.lock("rows", wait=True):
                    append_rows(self.folder.rows, [self._failed_row(trial, reason)])
        return True

    def _train_and_look(self, trial: Trial, epoch: int) -> None:
        import keras

        from tilesegm.model.open import open_model
        from tilesegm.training.setup import open_run_scenes

        keras.backend.clear_session()
        config = self.plan.config_of(trial)
        run = Path(config.output)
        if self.folder.statistics.exists() and not run.exists():
            run.mkdir(parents=True)
            shutil.copyfile(self.folder.statistics, run / "statistics.npz")
        last = epoch == self.plan.epochs
        base = self.plan.configs[self.plan.names[0]]
        shared = config.loss.border_weights == base.loss.border_weights
        scenes = self.scored.scenes if shared else open_run_scenes(config)
        clock = StepClock(self.plan.steps, self.plan.epochs)
        try:
            result = self._train(scenes, config, None if last else epoch, clock)
        finally:
            if not shared:
                scenes.close()
        predictor = open_model(result.bundle, bands=self.scored.scenes.bands)
        look = take_look(predictor, self.scored, trial.fold, self.measures, last=last)
        facts = {
            "variant": trial.variant,
            "seed": trial.seed,
            "fold": trial.fold,
            "epoch": epoch,
            "seconds": sum(row.get("seconds", 0.0) for row in result.history),
            "seconds_per_step": clock.seconds_per_step,
            "history": list(result.history),
        }
        save_look(self.folder.look(self.plan.name_of(trial), epoch), look, facts)
        score = rank_score(look, self.plan.ranked_by)
        self._tell(EpochEnded(epoch, self.plan.epochs, result.history[-1]["loss"], score, 0.0))

    def _train(
        self, scenes: Scenes, config: TrainingConfig, until: int | None, clock: StepClock
    ) -> TrainingResult:
        from tilesegm.training.run import train_on

        reached = [rung / self.plan.epochs for rung in (0, *self.plan.rungs)]
        stop = (until or self.plan.epochs) / self.plan.epochs
        start = max(rung for rung in reached if rung < stop)

        def watch(event: Event) -> None:
            if isinstance(event, Noted):
                self._tell(event)
            elif isinstance(event, StageProgress):
                clock.reach(event.fraction)
                self._tell(StageProgress(max(event.fraction - start, 0.0) / (stop - start)))

        try:
            return train_on(scenes, config, on_event=watch, until=until)
        except ResumeError as error:
            self._tell(Noted(f"{error}; it begins from scratch"))
            return train_on(scenes, config, overwrite=True, on_event=watch, until=until)

    def _settle(self) -> None:
        """Add a row for every run that is over and has none."""
        with self.folder.lock("rows", wait=True):
            listed = {
                (row["variant"], int(row["seed"]), int(row["fold"]))
                for row in read_rows(self.folder.rows)
            }
            standing = self.standing()
            rows = []
            for trial in self.plan.trials:
                key = (trial.variant, trial.seed, trial.fold)
                at = standing.dropped.get(trial.variant, self.plan.epochs)
                if key not in listed and self._path(trial, at).exists():
                    rows.append(self._row(trial, at))
            append_rows(self.folder.rows, rows)

    def _row(self, trial: Trial, epoch: int) -> Row:
        look = load_look(self._path(trial, epoch))
        kind = "test" if look.test else "validation"
        sums = {name: part.sum(0) for name, part in getattr(look, kind).items()}
        scores = {
            name: float(scores_of(sums, measure))
            for name, measure in MEASURES.items()
            if measure.part in sums
        }
        state = "finished" if epoch == self.plan.epochs else "dropped"
        return replace(
            self._empty_row(trial, state),
            epochs=len(look.facts["history"]),
            steps=len(look.facts["history"]) * self.plan.configs[trial.variant].schedule.steps,
            seconds=look.facts["seconds"],
            scored_on=kind,
            rule=rule_cell(look.rule),
            scores=scores,
        )

    def _failed_row(self, trial: Trial, reason: str) -> Row:
        return replace(self._empty_row(trial, "failed"), error=reason)

    def _empty_row(self, trial: Trial, state: str) -> Row:
        config, run = self.plan.config_of(trial), self.folder.run(self.plan.name_of(trial))
        data = b"\0".join(
            path.read_bytes() for path in (run / "inputs.json", run / "split.json") if path.exists()
        )
        return Row(
            variant=trial.variant,
            seed=trial.seed,
            fold=trial.fold,
            state=state,
            epochs=0,
            steps=0,
            seconds=0.0,
            scored_on="",
            rule="",
            scores={},
            settings_sha256=config_digest(replace(config, output="")),
            data_sha256=sha256(data).hexdigest(),
            folder=f"runs/{run.name}",
        )

    def _path(self, trial: Trial, epoch: int) -> Path:
        return self.folder.look(self.plan.name_of(trial), epoch)

    def _is_over(self, trial: Trial, epoch: int) -> bool:
        return self._path(trial, epoch).exists() or trial in self._failed()

    def _failed(self) -> set[Trial]:
        return {
            Trial(row["variant"], int(row["seed"]), int(row["fold"]))
            for row in read_rows(self.folder.rows)
            if row["state"] == "failed"
        }

    def _score(self, trial: Trial, epoch: int) -> float:
        """Return what a run is ranked by after an epoch; NaN where it failed before."""
        if not self._path(trial, epoch).exists():
            return float("nan")
        if (trial, epoch) not in self._scores:
            look = load_look(self._path(trial, epoch))
            self._scores[trial, epoch] = rank_score(look, self.plan.ranked_by)
        return self._scores[trial, epoch]
