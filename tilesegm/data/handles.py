"""Open files, lent to one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

from tilesegm.closing import Closing

__all__ = ["Handles"]

T = TypeVar("T", bound=Closing)


class Handles(Generic[T]):
    """Opens things by number and lends them, each to one borrower at a time.

    What is given back stays open for whoever asks next. Nothing is kept for a thread: to Python a
    thread of TensorFlow's is a new one at each call, and would open everything again.
    """

    def __init__(self, opener: Callable[[int], T], most: int) -> None:
        """Take what opens number ``n``, and how many stay open while nobody uses them."""
        self._opener, self._most = opener, most
        self._idle: list[tuple[int, T]] = []
        """Given back, those not used for longest first."""
        self._lock = Lock()

    @contextmanager
    def lend(self, number: int) -> Iterator[T]:
        """Lend what is open under a number, or open it."""
        idle = self._take(number)
        opened = self._opener(number) if idle is None else idle
        try:
            yield opened
        finally:
            with self._lock:
                self._idle.append((number, opened))
            self._close_surplus()

    def close(self) -> None:
        """Close what is not lent now; the rest is closed when it is given back."""
        self._most = 0
        self._close_surplus()

    def _take(self, number: int) -> T | None:
        with self._lock:
            for place in reversed(range(len(self._idle))):
                if self._idle[place][0] == number:
                    return self._idle.pop(place)[1]
        return None

    def _close_surplus(self) -> None:
        with self._lock:
            count = max(0, len(self._idle) - self._most)
            surplus, self._idle = self._idle[:count], self._idle[count:]
        for _, opened in surplus:
            opened.close()
