"""Every file operation of a run, numbered: what may happen before each of them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["before_each"]

_AUDITED = {
    "open": "open",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.truncate": "truncate",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def before_each(folder: Path, act: Callable[[int, str, str], None]) -> None:
    """Call ``act`` before each operation that changes something below ``folder``.

    An audit hook sees what Python opens for writing, renames, makes and removes; flushes and the
    middle of a write are not audited, and seen by functions in their place. There is no way back:
    this is for processes that end soon.

    Args:
        folder: where operations count.
        act: called with the number of the operation, from 1, its kind and its path.
    """
    counted, lock, root = 0, threading.RLock(), str(folder)

    def tell(kind: str, path: str) -> None:
        nonlocal counted
        with lock:
            counted += 1
            act(counted, kind, path)

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        kind = _AUDITED.get(event)
        if kind is None or (kind == "open" and not (arguments[2] or 0) & _WRITING):
            return
        # A removal from within a folder that is open names no path but the entry.
        within = kind in ("remove", "rmdir") and arguments[-1] not in (-1, None)
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | Path) else ""
        if within or path.startswith(root):
            tell(kind, path)

    flush, write = os.fsync, Path.write_bytes

    def fsync(descriptor: int) -> None:
        tell("fsync", "")
        flush(descriptor)

    def write_bytes(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        tell("write", str(path))
        return write(path, data)

    os.fsync = fsync
    Path.write_bytes = write_bytes  # type: ignore[method-assign,assignment]
    sys.addaudithook(hear)
