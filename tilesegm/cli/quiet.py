"""Keeps messages of libraries off the terminal, and makes every terminal take every character."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Any

__all__ = ["print_anywhere", "silence_gdal", "tolerate_warnings"]


def silence_gdal() -> None:
    """Keep GDAL's debugging lines off the terminal, whatever the environment says."""
    os.environ["CPL_DEBUG"] = "OFF"


def tolerate_warnings() -> None:
    """Let warnings of libraries be no errors where ``PYTHONWARNINGS`` or ``-W`` say so.

    That is meant for programs under test, and would end a run in the middle.
    """
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)


def print_anywhere() -> None:
    """Let nothing that is printed end a run, whatever standard output and error are.

    A replacement stands for characters that a terminal, file or pipe cannot take: Windows pipes are
    often cp1252 and the C locale is ASCII, but names of files and classes are not. What is printed
    to a closed stream, or into a pipe that nobody reads any more, is dropped.
    """
    _open_descriptors()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
            if stream is getattr(sys, f"__{name}__") and isinstance(
                stream.buffer, io.BufferedWriter | io.FileIO
            ):
                setattr(sys, name, _lasting(stream))


def _open_descriptors() -> None:
    """Fill those of standard streams that are closed, before a file of results gets their number.

    Libraries print to these numbers, and it would be into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a stream to the same descriptor that a reader who leaves does not break."""
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering or stream.write_through,
    )


class _Pipe(io.FileIO):
    """A stream that fails at most once, and never because nobody reads any more."""

    _broken = False

    def write(self, data: Any) -> int:
        """Write, or drop what a broken stream no longer takes."""
        if not self._broken:
            try:
                return super().write(data) or 0
            except OSError as error:
                self._broken = True
                if not isinstance(error, BrokenPipeError):
                    raise
        return memoryview(data).nbytes
