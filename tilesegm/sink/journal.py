"""A file that remembers, line by line, what is finished."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tilesegm.files import remove
from tilesegm.sink.chunk_digest import is_plain_file

__all__ = ["Journal"]


class Journal:
    """Lines of JSON, each behind its checksum, that are on disk once `append` returns.

    A line that a kill or a power cut left unfinished fails its checksum; it and all that follows
    are dropped when the journal is opened.

    Attributes:
        damaged: bytes that were dropped although a line end follows in them, which no kill leaves.
    """

    def __init__(self, path: Path) -> None:
        if not is_plain_file(path):
            remove(path)
        self._path = path
        # Unbuffered: nothing of a failed line may be written later, behind a torn one.
        self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by `close`
        self._file.seek(0)
        text = self._file.readall()
        good = sum(len(line) for line, _ in _lines_of(text))
        dropped = text[good:]
        self.damaged = len(dropped) if b"\n" in dropped else 0
        self._end = good
        self._file.truncate(good)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What the lines say. They are read again, since those of a million regions take space."""
        return [entry for _, entry in _lines_of(self._path.read_bytes())]

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Write lines and wait until they are on disk.

        Raises:
            OSError: the lines could not be written; the journal is as it was.
        """
        lines = b"".join(map(_line, entries))
        try:
            written = self._file.write(lines)
            if written != len(lines):
                raise OSError(28, "No space left on device")
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(lines)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _lines_of(text: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield lines with what they say, as far as they are whole."""
    for line in text.splitlines(keepends=True):
        entry = _parse(line)
        if entry is None:
            return
        yield line, entry


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parse(line: bytes) -> dict[str, Any] | None:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
