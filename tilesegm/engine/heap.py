"""Keeps the C library from hoarding freed memory.

glibc keeps freed blocks of up to 32 MB for later. Buffers of many sizes, freed by several threads,
leave gaps that fit nothing new, so over thousands of tiles a process creeps upwards though it holds
no more than at the start.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

__all__ = ["share_heap", "trim_heap"]

_M_ARENA_MAX = -8
_ARENAS = 2


def share_heap() -> None:
    """Have new threads share two heaps in place of one each, whose gaps would add up.

    Holds for the whole process from now on; does nothing where the C library is not glibc.
    """
    set_option = _glibc("mallopt")
    if set_option is not None:
        set_option(_M_ARENA_MAX, _ARENAS)


def trim_heap() -> None:
    """Give free pages back to the system, where the C library is glibc."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def _glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
