"""A hidden folder beside an output, in which it is made before it appears whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import filelock

from tilesegm.errors import OutputError
from tilesegm.files import draft_of, flush_tree, make_folder, output_errors, remove, replace
from tilesegm.ownership import check_local, check_unread, state_of

__all__ = ["check_target", "put", "workplace"]

_LOCK = "lock"


def check_target(path: Path, read: Iterable[tuple[str, str]]) -> None:
    """Refuse an output whose folder cannot be written, or that is read.

    Args:
        path: of the output.
        read: what each input is, and where.

    Raises:
        OutputError: with what is wrong and how to mend it.
    """
    check_local(path)
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"folder {folder} of output {path.name} does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"folder {folder} of output {path.name} is not writable; choose another")
    check_unread([path], read)


@contextmanager
def workplace(output: Path) -> Iterator[Path]:
    """Give a folder on the disk of an output that is gone afterwards.

    Folders of runs that were killed go too: nobody holds their locks any more.

    Raises:
        OutputError: the folder cannot be written.
    """
    with output_errors(output):
        for left in output.parent.glob(f".{_escaped(output.stem)}.*draft"):
            _remove_left(left)
        work = draft_of(output, str(secrets.randbelow(10**18))).with_suffix("")
        make_folder(work)
        lock = filelock.FileLock(work / _LOCK)
        try:
            with lock:
                yield work
        finally:
            remove(work)


def put(work: Path, output: Path, members: Iterable[str], states: Mapping[Path, object]) -> None:
    """Put finished files under their final names, the main one last.

    Args:
        work: folder that holds them, each with the name of the output.
        output: the main one.
        members: suffixes of those beside it.
        states: what stood at their places when the run began.

    Raises:
        OutputError: something appeared or changed there since, and stays.
    """
    flush_tree(work)
    for path, state in states.items():
        if state_of(path) != state:
            raise OutputError(
                f"{path} appeared or changed while the run was at work, and stays as it is; move "
                "it away, then run the same command again"
            )
    for suffix in (*members, output.suffix):
        made = work / output.with_suffix(suffix).name
        if made.exists():
            replace(made, output.with_suffix(suffix))


def _escaped(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "[]?*" else letter for letter in text)


def _remove_left(folder: Path) -> None:
    if folder.is_symlink() or not (folder / _LOCK).is_file():
        return
    try:
        with filelock.FileLock(folder / _LOCK, blocking=False):
            pass
    except (filelock.Timeout, OSError):
        return
    remove(folder)
