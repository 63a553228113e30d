"""The folder of unfinished results: whose it is, who writes in it, and how it goes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import filelock

from tilesegm.errors import OutputError, ResumeError
from tilesegm.files import remove
from tilesegm.sink.run_file import read_run

__all__ = ["StagingFolder", "remove_leftovers"]

_LOCK = "lock"
_HEAD = "run.json"
_JOURNAL = "journal"
_LAYERS = ("classes", "confidence", "scores")
_MAKING = ("vrt", "draft.tif", "draft.tif.aux.xml")
"""What the name of a layer gets while its file is made."""
_TRIES = 100  # times that a folder goes in the moment when it is locked, one after the other
_DRAFT = re.compile(r"run\.json\.draft|\.run\.\d*draft\.json")
"""What a run leaves that was killed before it began."""


class StagingFolder:
    """A folder that one run at a time writes in.

    Args:
        path: the folder.
        layers: names of the layers of this run; those of other runs are known.
    """

    def __init__(self, path: Path, layers: Collection[str] = ()) -> None:
        self.path = path
        self._names = {_LOCK, _HEAD, _JOURNAL, *_LAYERS, *layers}
        self._names |= {f"{name}.{end}" for name in (*_LAYERS, *layers) for end in _MAKING}
        self._names.add("draft.zarr")
        self._lock = filelock.FileLock(path / _LOCK, blocking=False)

    @property
    def head(self) -> Path:
        """The file that says what the run depends on. Without it there is no run to go on with."""
        return self.path / _HEAD

    def claim(self) -> None:
        """Make the folder if it is not there, and keep other runs out of it.

        Raises:
            ResumeError: another run writes here.
            OutputError: something else has the folder's name.
            OSError: the folder cannot be made.
        """
        for _ in range(_TRIES):
            try:
                self._check_ours()
                self.path.mkdir(exist_ok=True)
                self._lock.acquire()
            except filelock.Timeout:
                break
            except FileNotFoundError:
                if not self.path.parent.is_dir():
                    raise
                continue  # another run has just finished, and its folder is gone
            if (self.path / _LOCK).exists():
                self._remove_trash()
                return
            self._lock.release()  # what we locked went with that folder
        raise ResumeError(
            f"another run is writing {str(self.path).removesuffix('.partial')}; wait for it or "
            "stop it first"
        )

    def _check_ours(self) -> None:
        """Refuse a link, a file, and a folder that no run made, before anything is written there.

        Raises:
            OutputError: there is one.
        """
        if not os.path.lexists(self.path):
            return
        if self.path.is_symlink() or not self.path.is_dir():
            kind = "a link" if self.path.is_symlink() else "a file"
            raise OutputError(
                f"{self.path} is needed as a folder for unfinished results but is {kind}; "
                "move it away"
            )
        names = {entry.name for entry in self.path.iterdir() if not _DRAFT.fullmatch(entry.name)}
        if _LOCK in names and (self.path / _LOCK).lstat().st_size:
            raise self._occupied(_LOCK)  # ours is empty, and taking the lock would empty this one
        if names and read_run(self.head) is None:
            self.leftovers()
            if names.isdisjoint({_LOCK, _JOURNAL}):
                raise self._occupied(min(names))

    def _occupied(self, name: str) -> OutputError:
        return OutputError(
            f"{self.path} is needed for unfinished results but holds other files ({name}); "
            "move it away"
        )

    def release(self) -> None:
        """Let other runs in."""
        self._lock.release()

    def leftovers(self) -> list[str]:
        """Return names of what a run left that began.

        Raises:
            OutputError: there is something that no run wrote.
        """
        names = {entry.name for entry in self.path.iterdir() if not _DRAFT.fullmatch(entry.name)}
        for name in sorted(names - self._names):
            raise self._occupied(name)
        return sorted(names - {_LOCK})

    def clear(self) -> None:
        """Remove all that runs write, but for the lock.

        The head goes first: what is left of the rest after a kill is no run to go on with.
        """
        remove(self.head)
        for entry in tuple(self.path.iterdir()):
            if entry.name != _LOCK and (entry.name in self._names or _DRAFT.fullmatch(entry.name)):
                remove(entry)

    def remove(self) -> None:
        """Remove all that runs write, and the folder. Other runs are kept out until it is gone."""
        with suppress(FileNotFoundError):
            self.clear()
        if os.name == "nt":
            self.release()  # Windows removes no file that is open
        remove(self.path / _LOCK)
        with suppress(OSError):
            self.path.rmdir()  # stays where somebody put files of his own into it
        self.release()

    def _remove_trash(self) -> None:
        """Remove what a kill left of a folder that version 0.1 renamed to remove it."""
        trash = self.path.with_name(self.path.name + ".trash")
        if trash.is_symlink() or not trash.is_dir():
            return
        if {entry.name for entry in trash.iterdir()} <= self._names:
            remove(trash)


def remove_leftovers(path: Path) -> None:
    """Remove a staging folder that a kill left half removed, when its outputs were in place.

    A folder with a run in it, of another process or with files of somebody else stays.
    """
    folder = StagingFolder(path)
    folder._remove_trash()
    if not path.is_dir() or folder.head.exists():
        return
    with suppress(OSError, ResumeError):
        folder.claim()
        try:
            folder.leftovers()
            folder.remove()
        finally:
            folder.release()
