"""The epochs of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import keras

from tilesegm.data.hardness import Hardness
from tilesegm.data.stream import SampleStream
from tilesegm.errors import TilesegmError
from tilesegm.events import EpochEnded, OnEvent
from tilesegm.training.callbacks import StepWatch, open_board
from tilesegm.training.checkpoint import Checkpoint, put_variables, take_variables
from tilesegm.training.datasets import keras_dataset, tf_dataset
from tilesegm.training.mining import find_hard_places
from tilesegm.training.pipeline_end import ended_here
from tilesegm.training.progress import Progress
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.states import best_weights, keep_best, keep_state, newest_state
from tilesegm.training.trainee import Trainee
from tilesegm.training.validation.validator import Validator, validation_scores

__all__ = ["Loop"]


class Loop:
    """Trains epoch by epoch, each a call of Keras' ``fit``, and keeps the state after each.

    An epoch is a function of the state before it: its samples are known by their numbers, and
    everything that changes is in the checkpoint. So a run that was killed goes on with the last
    whole epoch as if nothing had happened.

    Args:
        config: settings of the run.
        folder: where its files are.
        trainee: the network.
        stream: the samples.
        validator: segments held-out pixels.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: RunFolder,
        trainee: Trainee,
        stream: SampleStream,
        validator: Validator,
    ) -> None:
        self.config, self.folder = config, folder
        self.trainee, self.stream, self.validator = trainee, stream, validator
        self.workers = trainee.devices.workers
        self.progress = Progress()
        self._batches = config.schedule.steps * config.optimizer.accumulate

    def resume(self, on_event: OnEvent) -> None:
        """Take up the state of the last whole epoch, if there is one.

        Raises:
            ResumeError: the checkpoint cannot be read, or is of another network.
        """
        kept = self.workers.first(lambda: newest_state(self.folder, on_event))
        if kept is None:
            return
        put_variables("model", self.trainee.trained.variables, kept.arrays)
        put_variables("optimizer", self.trainee.optimizer.variables, kept.arrays)
        self.progress = Progress(**kept.facts)
        hard = {name.partition("/")[2]: a for name, a in kept.arrays.items() if "hard/" in name}
        self.stream.hard = Hardness.from_arrays(hard) if hard else None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of the run: all epochs are done, or patience is over."""
        return self.progress.epoch >= self.config.schedule.epochs or self._patience_is_over

    def run(self, on_event: OnEvent, until: int | None = None) -> None:
        """Train what is left of the run.

        Args:
            on_event: called with progress.
            until: epochs after which it pauses; None for none before the last.

        Raises:
            SettingsError: the loss becomes NaN or infinite.
            OutputError: the state cannot be written.
        """
        schedule = self.config.schedule
        rate = self.config.optimizer.learning_rate
        watch = StepWatch(self._batches * schedule.epochs, rate, on_event)
        writes = self.workers.is_first
        board = open_board(self.folder.tensorboard, self.trainee.trained) if writes else None
        last = schedule.epochs if until is None else until
        while not self.is_over and self.progress.epoch < last:
            began = time.monotonic()
            epoch = self.progress.epoch
            watch.before = epoch * self._batches
            row = self._fit_safely(epoch, watch)
            watch.check(row["loss"])
            self.trainee.copy_weights_back()
            self.validator.refresh()
            score = self._score(epoch, row)
            if self.config.sampling.hard:
                self.stream.hard = self._hard_places(epoch)
            row["seconds"] = time.monotonic() - began
            is_best = self.progress.note(row, score)
            self.workers.first(partial(self._save, is_best))
            if board is not None:
                board.on_epoch_end(epoch, dict(row))
            shown = None if self.config.validation.metric == "loss" else score
            on_event(EpochEnded(epoch + 1, schedule.epochs, row["loss"], shown, row["seconds"]))
        if board is not None:
            board.on_train_end()

    def take_best(self) -> None:
        """Give the network the weights of the best epoch.

        Raises:
            ResumeError: they cannot be read.
        """
        kept = best_weights(self.folder, self.progress.best_epoch)
        put_variables("weights", self.trainee.model.weights, kept.arrays)

    @property
    def _patience_is_over(self) -> bool:
        patience = self.config.schedule.patience
        return patience is not None and self.progress.waited >= patience

    def _fit_safely(self, epoch: int, watch: StepWatch) -> dict[str, float]:
        """Train one epoch; without XLA, where that was our choice and cannot compile the step."""
        try:
            return self._fit(epoch, watch)
        except (TilesegmError, MemoryError):
            raise
        except Exception:
            chosen = self.trainee.xla and self.config.device.xla is None
            # JAX always compiles, and has given the weights away to a step that failed.
            if watch.seen or not chosen or keras.backend.backend() != "tensorflow":
                raise
            self.trainee.compile(xla=False)
            return self._fit(epoch, watch)

    def _fit(self, epoch: int, watch: StepWatch) -> dict[str, float]:
        """Train one epoch and return its numbers."""
        errors: list[Exception] = []
        try:
            with ended_here(), self.trainee.devices.scope():
                history = self.trainee.trained.fit(
                    self._dataset(epoch * self._batches, errors.append),
                    steps_per_epoch=self._batches,
                    initial_epoch=epoch,
                    epochs=epoch + 1,
                    callbacks=[watch],
                    shuffle=False,
                    verbose=0,
                )
        except Exception:
            if errors:
                # What went wrong in the first place, not what TensorFlow made of it.
                raise errors[0] from None
            raise
        row = {name: float(values[-1]) for name, values in history.history.items()}
        if len(self.trainee.trained.compound.terms) == 1:
            # The only term and its weight say nothing that the loss does not.
            row = {k: v for k, v in row.items() if k == "loss" or k.startswith("weight_class_")}
        row["learning_rate"] = float(
            keras.ops.convert_to_numpy(self.trainee.optimizer.learning_rate)
        )
        return row

    def _dataset(self, first: int, on_error: Callable[[Exception], None]) -> Any:
        readers = self.config.device.readers
        if keras.backend.backend() == "tensorflow":
            return tf_dataset(self.stream, first, self._batches, readers=readers, on_error=on_error)
        return keras_dataset(
            self.stream,
            first,
            self._batches,
            readers=readers or 1,
            part=self.workers.number,
            parts=self.workers.count,
        )

    def _score(self, epoch: int, row: dict[str, float]) -> float | None:
        settings = self.config.validation
        is_last = epoch + 1 == self.config.schedule.epochs
        is_due = (epoch + 1) % settings.every == 0 or is_last
        if is_due and self.validator.has_regions:
            confusion = self.validator.validate()
            self.trainee.observe(confusion)
            scores = validation_scores(confusion)
            row |= {f"val_{name}": value for name, value in scores.items()}
            if settings.metric != "loss":
                score = scores[settings.metric]
                return score if math.isfinite(score) else 0.0
        return -row["loss"] if settings.metric == "loss" else None

    def _hard_places(self, epoch: int) -> Hardness:
        count = self._batches * self.config.schedule.batch
        data, predictor = self.validator.data, self.validator.predictor
        return self.workers.first(
            lambda: find_hard_places(self.stream, data, predictor, epoch * count, count)
        )

    def _save(self, is_best: bool) -> None:
        """Keep the state; the best weights first, so that the state never names what is not."""
        progress, folder = self.progress, self.folder
        if is_best:
            weights = take_variables("weights", self.trainee.model.weights)
            keep_best(folder, progress.epoch, Checkpoint(weights, {"score": progress.best}))
        arrays = take_variables("model", self.trainee.trained.variables)
        arrays |= take_variables("optimizer", self.trainee.optimizer.variables)
        if self.stream.hard is not None:
            kept = self.stream.hard.to_arrays()
            arrays |= {f"hard/{name}": array for name, array in kept.items()}
        keep_state(folder, Checkpoint(arrays, asdict(progress)))
        progress.write_log(folder.log)
