"""What happens while an epoch runs."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, StageProgress

__all__ = ["StepWatch", "open_board"]

_EVERY = 10


class StepWatch(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports progress, and ends a run whose loss is lost.

    The loss in the logs is the mean since the epoch began: once a batch made it NaN or infinite it
    stays so, and looking at every tenth batch leaves the device its lead over Python.

    Args:
        batches: batches of the whole run.
        learning_rate: what to propose to lower.
        on_event: called with progress.
    """

    def __init__(self, batches: int, learning_rate: float, on_event: OnEvent) -> None:
        super().__init__()
        self.batches = batches
        self.learning_rate = learning_rate
        self.on_event = on_event
        self.seen = 0
        """Batches of this epoch that were learnt from."""
        self.before = 0
        """Batches of the epochs before."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start to count."""
        self.seen = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss every now and then."""
        self.seen += 1
        if self.seen == 1 or self.seen % _EVERY == 0:
            self.on_event(StageProgress((self.before + self.seen) / self.batches))
            self.check((logs or {}).get("loss"))

    def check(self, loss: Any) -> None:
        """Refuse a loss that is NaN or infinite.

        Raises:
            SettingsError: it is.
        """
        if loss is not None and not math.isfinite(float(loss)):
            raise SettingsError(
                f"the loss is {float(loss)} after {self.before + self.seen} batches; lower "
                f"optimizer.learning_rate (now {self.learning_rate:g}), set optimizer.clip, or "
                "compute in float32 (device.precision)"
            )


def open_board(folder: Path, model: keras.Model) -> keras.callbacks.TensorBoard | None:
    """Return a writer of epochs for TensorBoard; None where that is not installed.

    Keras writes its files by TensorFlow, on whatever backend it runs.

    It serves all epochs of a run: handed to each call of ``fit`` it would begin a file an epoch.
    """
    if find_spec("tensorboard") is None or find_spec("tensorflow") is None:
        return None
    board = keras.callbacks.TensorBoard(str(folder), write_graph=False)
    board.set_model(model)
    board.on_train_begin()
    return board
