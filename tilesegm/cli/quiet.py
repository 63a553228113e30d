"""Keeps TensorFlow's messages off the terminal, and makes every terminal take every character.

TensorFlow's C++ core writes to standard error before it reads its own log level, so the level alone
does not silence it: the import is silenced too. If the import fails, its output is shown.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["LOUD", "print_anywhere", "silence_gdal", "silence_tensorflow", "tolerate_warnings"]


LOUD = "TILESEGM_TENSORFLOW_LOG"
"""Environment variable: when it is set, TensorFlow logs as it would without us."""


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


def silence_tensorflow() -> None:
    """Silence TensorFlow, whatever ``TF_CPP_MIN_LOG_LEVEL`` is, unless `LOUD` is set."""
    if LOUD not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())


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


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with _silenced_stderr():
            self._loader.exec_module(module)
        # That of Python: it warns of functions that are traced again, as each new network is.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            yield
        except Exception:
            output.seek(0)
            os.write(terminal, output.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
