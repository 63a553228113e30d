"""Gives freed memory back to the system.

The C library keeps freed blocks of up to 32 MB for later. Buffers of many sizes, freed by several
threads, leave gaps that fit nothing new, so over thousands of tiles a process creeps upwards though
it holds no more than at the start.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["trim_heap"]


def trim_heap() -> None:
    """Return free pages to the system where the C library offers it (glibc), else do nothing."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], Any] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
