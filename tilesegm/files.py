"""Finished files: seen whole or not at all, still there after a power cut, failures in one line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tilesegm.errors import OutputError

__all__ = [
    "check_file",
    "draft_of",
    "flush",
    "flush_all",
    "flush_new",
    "flush_tree",
    "make_folder",
    "output_errors",
    "remove",
    "replace",
    "replacing",
    "write_file",
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


def check_file(path: Path) -> None:
    """Refuse a file that cannot be written, before the work that it is for.

    Raises:
        OutputError: it is a folder, or its folder cannot be made or written.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        kind = "not writable" if folder.is_dir() else "a file"
        raise OutputError(f"cannot write {path}: {folder} is {kind}; choose another folder")


def write_file(path: Path, data: str | bytes) -> None:
    """Write a file that is seen whole or not at all, whenever the power goes.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as draft:
        draft.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a draft to write, and put it in the place of ``path`` when that went well.

    The draft, a file or a folder, is flushed first and gone afterwards whatever happens. Missing
    parent folders are made.

    Raises:
        OutputError: the draft cannot be written or put in place.
    """
    # The process number keeps two runs that share a folder from writing into one draft.
    draft = draft_of(path, str(os.getpid()))
    with output_errors(path):
        make_folder(path.parent)
        remove(draft)
        try:
            yield draft
            if draft.is_dir():
                flush_tree(draft)
            else:
                flush(draft)
            replace(draft, path)
        finally:
            remove(draft)


def draft_of(path: Path, writer: str = "") -> Path:
    """Name the draft of a file: hidden, beside it, of the same suffix.

    Without a ``writer`` the name is always the same, so that the next run replaces what a killed
    one left: for large files that only one run at a time may write.
    """
    return path.with_name(f".{path.stem}.{writer}draft{path.suffix}")


def replace(draft: Path, final: Path) -> None:
    """Put a flushed file or folder in the place of ``final``."""
    if draft.is_dir():
        # A folder cannot replace a full one in one step: the old one steps aside first. Where a
        # kill came between the two steps, it has been there since.
        aside = final.with_name(f".{final.stem}.old{final.suffix}")
        if final.is_dir():
            remove(aside)
            final.rename(aside)
        draft.rename(final)
        flush(final.parent)
        remove(aside)
    else:
        os.replace(draft, final)
        flush(final.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, and wait until their entries are on disk.

    Raises:
        OSError: it cannot be made, or is a file.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        flush(folder.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as that is possible; a link goes, not what it names."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


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
