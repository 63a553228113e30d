"""What a check of a finished result found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["Findings", "digits_of"]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is wrong with a file or store, and how far that was looked into."""

    damage: tuple[str, ...] = ()
    """What is damaged and where, a line each; empty where nothing is."""
    notes: tuple[str, ...] = ()
    """What could not be checked, and what is odd and no damage."""
    sealed: bool = True
    """Whether every byte was compared with a digest."""
    bytes: int = 0
    """Bytes that were looked at."""


def digits_of(data: bytes) -> str:
    """Return the digest of bytes as a result keeps it: 64 bits, as against accidents.

    Who forges a result on purpose forges its digests too, of any length.
    """
    return hashlib.sha256(data).hexdigest()[:16]
