"""Processes that train one network together, on one machine or several."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError, TilesegmError
from tilesegm.shown import line_of

__all__ = ["Workers", "join_workers"]

T = TypeVar("T")


@dataclass(frozen=True)
class Workers:
    """This process among those that train the same network.

    All take the same steps, each with its part of every batch. Whatever else a process finds out
    for all of them, it tells them here, so that none goes another way; where it fails, all fail.
    """

    number: int = 0
    """Of this process, from 0."""
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes what the run leaves."""
        return self.number == 0

    def first(self, work: Callable[[], T]) -> T:
        """Do something in the first process alone, and return in all what it gave.

        Raises:
            TilesegmError: it failed there.
        """
        if self.count == 1:
            return work()
        result: T = _unpack(self._hear(_attempt(work) if self.is_first else b"", 0))
        return result

    def each(self, work: Callable[[], T]) -> list[T]:
        """Do something in every process, and return in all what each of them gave, by number.

        Raises:
            TilesegmError: it failed in one of them.
        """
        if self.count == 1:
            return [work()]
        own = _attempt(work)
        return [_unpack(outcome) for outcome in [self._hear(own, n) for n in range(self.count)]]

    def check_same(self, value: object, what: str) -> None:
        """Refuse, in all processes, something that they do not all have alike.

        Raises:
            SettingsError: it differs in one of them.
        """
        values = self.each(lambda: value)
        for number, other in enumerate(values):
            if other != values[0]:
                raise SettingsError(
                    f"process {number} has other {what} than process 0; start every process with "
                    "the same file of settings, options and data"
                )

    def _hear(self, own: bytes, speaker: int) -> bytes:
        """Return in all processes what one of them has to say."""
        from jax.experimental.multihost_utils import broadcast_one_to_all

        def tell(data: bytes, length: int) -> bytes:
            buffer = np.zeros(length, np.uint8)
            if self.number == speaker:
                buffer[:] = np.frombuffer(data, np.uint8)
            heard: NDArray[np.uint8] = broadcast_one_to_all(buffer, self.number == speaker)
            return heard.tobytes()

        # Arrays of 64 bits are none in JAX: the length goes as bytes too.
        return tell(own, int.from_bytes(tell(len(own).to_bytes(8, "big"), 8), "big"))


def join_workers() -> Workers:
    """Wait for all processes of the run, which the environment tells of, and join them.

    Raises:
        SettingsError: the environment does not say who they are, or they cannot be reached.
    """
    import jax
    import keras

    if not jax.distributed.is_initialized():
        try:
            keras.distribution.initialize()
        except (ValueError, RuntimeError) as error:
            raise SettingsError(
                "device.distribute is 'workers' and this process cannot join others "
                f"({line_of(error)}); "
                "set KERAS_DISTRIBUTION_JOB_ADDRESSES to host:port of process 0, "
                "KERAS_DISTRIBUTION_NUM_PROCESSES, and KERAS_DISTRIBUTION_PROCESS_ID from 0"
            ) from error
    return Workers(jax.process_index(), jax.process_count())


def _attempt(work: Callable[[], Any]) -> bytes:
    """Return the result of something, or its error, as bytes."""
    try:
        return pickle.dumps((work(), None))
    except (TilesegmError, OSError, MemoryError) as error:
        return pickle.dumps((None, error))


def _unpack(outcome: bytes) -> Any:
    result, error = pickle.loads(outcome)
    if error is not None:
        raise error
    return result
