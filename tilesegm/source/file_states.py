"""States of the files of an image, by which a change is noticed while it is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from tilesegm.errors import SourceError
from tilesegm.shown import without_secrets
from tilesegm.source.object_store import probe_remote
from tilesegm.source.remote import is_remote

__all__ = ["FileStates"]


@dataclass(frozen=True)
class FileStates:
    """Files with what changes when they are written or replaced."""

    states: dict[str, str]
    """By path: size, times of modification and of change, and inode; of what a server or store has,
    what it reports."""
    content: str | None = None
    """Digest of the bytes of all files, if it was asked for."""

    @classmethod
    def of(cls, paths: Iterable[str], *, content: bool = False) -> Self:
        """Take the states of files, of all files in folders, and of web addresses.

        Args:
            paths: names; those of nothing on disk, a web server or S3 are left out.
            content: whether all bytes of files are hashed, so that a change is found which leaves
                size and times as they were.

        Raises:
            SourceError: a file cannot be read, or a web server does not serve one.
        """
        states: dict[str, str] = {}
        total = hashlib.sha256()
        for path in dict.fromkeys(paths):
            if known := probe_remote(path):
                # A new signature opens the same file.
                states[without_secrets(path)] = repr(known)
            for file in () if is_remote(path) else _inside(path):
                try:
                    found = os.stat(file)
                    times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
                    states[file] = f"{found.st_size} {times} {found.st_ino}"
                    if content:
                        with open(file, "rb") as opened:
                            total.update(hashlib.file_digest(opened, "sha256").digest())
                except OSError as error:
                    raise SourceError(f"{file} cannot be read ({error.strerror})") from error
        return cls(states, total.hexdigest() if content else None)

    @property
    def digest(self) -> str:
        """What is the same only where all states are."""
        return hashlib.sha256(repr(sorted(self.states.items())).encode()).hexdigest()

    def changed_since(self, before: Self) -> tuple[str, ...]:
        """Return the names of files that are not as they were, new or gone."""
        names = {**before.states, **self.states}
        changed = [name for name in names if before.states.get(name) != self.states.get(name)]
        if not changed and before.content != self.content:
            return ("the content of the image's files",)
        return tuple(changed)


def _inside(path: str) -> Iterator[str]:
    path = os.path.realpath(path)
    if os.path.isfile(path):
        yield path
    for at, folders, names in os.walk(path):
        folders.sort()
        yield from (os.path.join(at, name) for name in sorted(names))
