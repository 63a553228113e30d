"""The manifest of a batch: a line of JSON for each image, and what became of it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from tilesegm.errors import OutputError
from tilesegm.files import flush, output_errors, write_file
from tilesegm.ownership import check_place

__all__ = ["MANIFEST", "Manifest", "line_of", "parse_line"]

MANIFEST = "manifest.jsonl"
_MARK = b'{"manifest": 1, '
"""How every line begins; the number is that of the format."""
_LOCK = ".manifest.lock"
_WAIT = 60
"""Seconds to wait for another process, which holds the file for a line."""


class Manifest:
    """What is known of the images whose outputs lie in one folder.

    Lines are added as images begin and end; the last one of an output counts. Each is on disk when
    `add` returns, and one that a kill left unfinished is passed over. Several processes may write
    to one manifest.

    Args:
        folder: of the outputs; it may not exist yet.

    Raises:
        OutputError: the file cannot be read, or is of somebody else.

    Attributes:
        path: of the file.
        records: the last line of each output, by the output's name in the folder.
        damaged: lines that were passed over.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self._threads = threading.RLock()
        self._lock = filelock.FileLock(folder / _LOCK, timeout=_WAIT)
        check_place(self.path)
        self.records: dict[str, dict[str, Any]] = {}
        self.damaged = 0
        for record in self._lines():
            if record is None:
                self.damaged += 1
            else:
                self.records[record["output"]] = record
        self._superseded = False
        if self.damaged and not self.records:
            raise OutputError(
                f"{self.path} is there and is no manifest of tilesegm; move it away, or choose "
                "another folder"
            )

    @property
    def place(self) -> Path | str:
        """Where people find it."""
        return self.path

    @property
    def images(self) -> dict[str, str]:
        """The output of each image that is known, by what the image is known by."""
        return {
            record["image"]: output
            for output, record in self.records.items()
            if isinstance(record.get("image"), str)
        }

    def add(self, record: dict[str, Any]) -> None:
        """Write a line and wait until it is on disk.

        Args:
            record: plain values, among them the name of the ``output``.

        Raises:
            OutputError: it cannot be written.
        """
        line = line_of(record)
        with self._claimed(), open(self.path, "a+b", buffering=0) as file:
            new = file.seek(0, os.SEEK_END) == 0
            if not new:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            if file.write(line) != len(line):
                raise OSError(28, "No space left on device")
            os.fsync(file.fileno())
            if new:
                flush(self.path.parent)
            self._superseded |= record["output"] in self.records
            self.records[record["output"]] = record

    def pause(self) -> None:
        """Take note that the batch is stopped: all lines are where they belong already."""

    def tidy(self) -> None:
        """Leave one line for each output, in the order in which they came.

        Raises:
            OutputError: the file cannot be written.
        """
        if not self._superseded and not self.damaged:
            return
        with self._claimed():
            last = {record["output"]: record for record in self._lines() if record is not None}
            write_file(self.path, b"".join(map(line_of, last.values())))
        self._superseded, self.damaged = False, 0

    def _lines(self) -> Iterator[dict[str, Any] | None]:
        """Return what each line says; None for one that is damaged."""
        try:
            with open(self.path, "rb") as file:
                yield from map(parse_line, file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(f"{self.path} cannot be read ({error.strerror})") from error

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        with output_errors(self.path), self._threads:
            try:
                with self._lock:
                    yield
            except filelock.Timeout:
                raise OutputError(
                    f"another process has held {self.path} for {_WAIT} s; stop it, or remove "
                    f"{self._lock.lock_file} if there is none"
                ) from None


def line_of(record: dict[str, Any]) -> bytes:
    """Return a record as a line of the file."""
    text = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
    return _MARK + text[1:] + b"\n"


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, None where it is damaged or of somebody else."""
    if not line.startswith(_MARK) or not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("output"), str):
        return None
    record.pop("manifest")
    return record
