"""What was opened in a process and is used again by later chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Generic[T]):
    """Values by key, each opened once as long as somebody uses it.

    Args:
        held: values that stay open though nobody uses them, the last ones that asked for it.
    """

    def __init__(self, held: int = 0) -> None:
        self._values: WeakValueDictionary[str, T] = WeakValueDictionary()
        self._held: deque[T] = deque(maxlen=held)
        self._lock = RLock()

    def get(self, key: str, opener: Callable[[], T], hold: bool = False) -> T:
        """Return the value of a key, and open it where it is not open.

        Args:
            key: what tells values apart.
            opener: called without arguments; no other value is opened meanwhile.
            hold: whether the value is to outlive its users.
        """
        with self._lock:
            value = self._values.get(key)
            if value is None:
                value = self._values[key] = opener()
            if hold and not any(value is held for held in self._held):
                self._held.append(value)
            return value
