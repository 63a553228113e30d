"""Objects that close themselves at the end of a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

__all__ = ["Closing"]


class Closing(ABC):
    """A context manager whose exit is its `close`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files, locks and threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
