"""Open files, a few for each thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock, local
from typing import Generic, Protocol, TypeVar

__all__ = ["Closable", "Handles"]


class Closable(Protocol):
    """Something that is open."""

    def close(self) -> None:
        """Let go of files."""
        ...


T = TypeVar("T", bound=Closable)


class Handles(Generic[T]):
    """Opens things by number for the thread that asks, and closes those not used for longest.

    A file that is open serves one thread at a time, so each thread has its own.
    """

    def __init__(self, opener: Callable[[int], T], most: int) -> None:
        """Take what opens number ``n``, and how many a thread may hold open."""
        self._opener, self._most = opener, most
        self._mine = local()
        self._all: list[OrderedDict[int, T]] = []
        self._lock = Lock()

    def get(self, number: int) -> T:
        """Return what is open under a number, for this thread alone."""
        opened: OrderedDict[int, T] | None = getattr(self._mine, "opened", None)
        if opened is None:
            opened = self._mine.opened = OrderedDict()
            with self._lock:
                self._all.append(opened)
        if number in opened:
            opened.move_to_end(number)
            return opened[number]
        while len(opened) >= self._most:
            opened.popitem(last=False)[1].close()
        opened[number] = self._opener(number)
        return opened[number]

    def close(self) -> None:
        """Close everything in all threads; none may be reading."""
        with self._lock:
            for opened in self._all:
                while opened:
                    opened.popitem()[1].close()
