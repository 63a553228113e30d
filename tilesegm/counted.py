"""Numbers of things in messages: ``1 tile``, ``2,500 tiles``."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, several: str | None = None) -> str:
    """Write a number with its noun.

    Args:
        number: how many there are.
        noun: what one is called.
        several: what several are called, where that is not the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"
