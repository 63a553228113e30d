"""The manifest of a batch whose outputs lie in a store: beside them, and on a disk until then."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tilesegm.batch.manifest import MANIFEST, Manifest, line_of, parse_line
from tilesegm.errors import OutputError
from tilesegm.files import make_folder, output_errors, remove
from tilesegm.sink.stored_text import StoredText

__all__ = ["StoredManifest"]

_PAUSE = 60.0
"""Seconds between two times that it is sent while a batch is at work."""
_TRIES = 10
"""Times that something is done again because another process was faster."""

_Lines = dict[str, dict[str, Any]]


class StoredManifest(Manifest):
    """What is known of the images whose outputs lie in one folder of a store.

    Objects cannot be added to. So lines are safe in a file on a disk at once, and all of them
    are sent from time to time and at the end, when the file goes. What is there already is never
    lost: of the lines of one output, here and there, that with the later time counts.

    Args:
        uri: address of the folder.
        folder: that holds the file; it may not exist yet.

    Raises:
        OutputError: see `Manifest`, or the store cannot be reached.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        super().__init__(folder)
        self._object = StoredText(f"{uri}/{MANIFEST}")
        self._sending = threading.RLock()  # taken before that of the lines
        self._sent = time.monotonic()
        self._own = dict(self.records)
        """Lines of this process, and of those before it that did not come to send them."""
        self._stored = self._read()
        self.records = _merged(self._stored, self._own)

    @property
    def place(self) -> str:
        """Its address."""
        return self._object.uri

    def add(self, record: dict[str, Any]) -> None:
        """Write a line, wait until it is on disk, and send all where that was long ago.

        Raises:
            OutputError: it cannot be written.
        """
        with self._threads:
            for left in reversed(range(_TRIES)):
                self._make_folder()
                try:
                    super().add(record)
                    break
                except OutputError as error:
                    if not left or not isinstance(error.__cause__, FileNotFoundError):
                        raise  # another process has not just finished with the folder
            self._own[record["output"]] = record
        if time.monotonic() - self._sent > _PAUSE:
            self._sent = time.monotonic()
            self.pause()

    def pause(self) -> None:
        """Send what is known so far, as far as that is possible: the file stays."""
        with suppress(OutputError):  # the end of the batch tells what is wrong
            self._send()

    def tidy(self) -> None:
        """Send all lines, one for each output, and remove the file.

        Raises:
            OutputError: the store does not take them; the file stays.
        """
        self._make_folder()
        try:
            self._send()  # before other processes have to wait
            with self._sending, self._claimed():
                # Also those of processes that share the file, and were killed.
                there = {line["output"]: line for line in self._lines() if line is not None}
                self._own = _merged(there, self._own)
                self._send()
                remove(self.path)
                remove(Path(self._lock.lock_file))
                with suppress(OSError):
                    self.path.parent.rmdir()
        except OutputError as error:
            raise OutputError(
                f"{error}; the manifest is kept in {self.path}: run the same command again to send "
                "it"
            ) from error.__cause__

    def _make_folder(self) -> None:
        with output_errors(self.path):
            make_folder(self.path.parent)

    def _send(self) -> None:
        with self._sending:
            for _ in range(_TRIES):
                with self._threads:
                    lines = _merged(self._stored, self._own)
                if lines == self._stored:
                    return
                if self._object.replace(b"".join(map(line_of, lines.values()))):
                    self._stored, self._sent = lines, time.monotonic()
                    return
                self._stored = self._read()
        raise OutputError(
            f"{self.place} is changed by others all the time; end other batches there"
        )

    def _read(self) -> _Lines:
        """Return the lines in the store.

        Raises:
            OutputError: what is there is no manifest.
        """
        data = self._object.read()
        lines = [parse_line(line) for line in (data or b"").splitlines(keepends=True)]
        if lines and not any(lines):
            raise OutputError(
                f"{self.place} is there and is no manifest of tilesegm; move it away, or choose "
                "another folder"
            )
        return {line["output"]: line for line in lines if line is not None}


def _merged(lines: Mapping[str, dict[str, Any]], own: Mapping[str, dict[str, Any]]) -> _Lines:
    """Add lines of our own to others, where these are not later."""
    new = {
        output: line
        for output, line in own.items()
        if output not in lines or str(line.get("time")) >= str(lines[output].get("time"))
    }
    return {**lines, **new}
