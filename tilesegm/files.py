"""Finished files: seen whole or not at all, still there after a power cut, failures in one line."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tilesegm.errors import OutputError
from tilesegm.ownership import carries, check_local, free_name

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
    check_local(path)
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        kind = "not writable" if folder.is_dir() else "a file"
        raise OutputError(f"cannot write {path}: {folder} is {kind}; choose another folder")


def write_file(path: Path, data: str | bytes, mark: bytes | None = None) -> None:
    """Write a file that is seen whole or not at all, whenever the power goes.

    Args:
        path: of the file.
        data: its contents.
        mark: see `replacing`.

    Raises:
        OutputError: the file cannot be written, or stands in the place of somebody else's.
    """
    with replacing(path, mark) as draft:
        draft.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(path: Path, mark: bytes | None = None) -> Iterator[Path]:
    """Give a draft to write, and put it in the place of ``path`` when that went well.

    The draft, a file or a folder, is flushed first and gone afterwards whatever happens. Missing
    parent folders are made. A link that is there is replaced itself.

    Args:
        path: of the file or folder.
        mark: what the files carry that may be replaced; None replaces any file, for names that
            the caller knows to be ours.

    Raises:
        OutputError: the draft cannot be written or put in place; or there is a file without the
            mark, and what was made is kept under a name that the message tells.
    """
    check_local(path)
    # A name that nobody can foresee: no link can wait there, and no two runs share a draft.
    draft = draft_of(path, str(secrets.randbelow(10**18)))
    with output_errors(path):
        make_folder(path.parent)
        try:
            yield draft
            if draft.is_dir():
                flush_tree(draft)
            else:
                flush(draft)
            if mark is not None and os.path.lexists(path) and not carries(path, mark):
                kept = free_name(path, "new")
                replace(draft, kept)
                raise OutputError(
                    f"{path} is there by now and is not of tilesegm: what was made is kept as "
                    f"{kept}; move one of them to another name"
                )
            replace(draft, path)
        finally:
            remove(draft)


def draft_of(path: Path, writer: str = "") -> Path:
    """Name the draft of a file: hidden, beside it, of the same suffix.

    Without a ``writer`` it is the name that version 0.1 gave to drafts of maps.
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
    check_local(path)
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
