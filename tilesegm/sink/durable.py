"""Files that are still there after a power cut, and failures to write them in one line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tilesegm.errors import OutputError

__all__ = [
    "flush",
    "flush_all",
    "flush_new",
    "flush_tree",
    "output_errors",
    "replace",
    "write_atomic",
]

# File systems with a journal of their own commit waiting flushes together, so that asking
# for several at once costs little more than one.
_FLUSHES = 8


def flush(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders, and journals their entries itself
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(files: Iterable[Path]) -> None:
    """Wait until files and their entries in their folders are on disk."""
    files = tuple(files)
    folders = {file.parent for file in files}
    with ThreadPoolExecutor(_FLUSHES) as pool:
        list(pool.map(flush, files))
        list(pool.map(flush, folders))


def flush_new(files: Iterable[Path], root: Path) -> None:
    """Wait until new files, and new folders from ``root`` down to them, are on disk."""
    files = tuple(files)
    flush_all(files)
    between = {folder for file in files for folder in file.parents if root in folder.parents}
    flush_all((*between, root))


def flush_tree(folder: Path) -> None:
    """Wait until everything below ``folder`` is on disk."""
    for parent, _, names in os.walk(folder):
        flush_all(Path(parent, name) for name in names)
        flush(Path(parent))


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file that is seen whole or not at all, whenever the power goes."""
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(data)
    flush(draft)
    replace(draft, path)


def replace(draft: Path, final: Path) -> None:
    """Put a flushed file in the place of ``final`` in one step."""
    os.replace(draft, final)
    flush(final.parent)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn failures of the operating system into an `OutputError` that names ``path``."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise OutputError(
            f"cannot write {path}: {reason}; free space or permissions there, then run the same "
            "command again: finished work is kept"
        ) from error
