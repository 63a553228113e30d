"""Keeps TensorFlow's messages off the terminal.

Its C++ core writes to standard error before it reads its own log level, so the level alone does not
silence it: the import is silenced too. If the import fails, its output is shown.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["LOUD", "silence_tensorflow"]

LOUD = "TILESEGM_TENSORFLOW_LOG"
"""Environment variable: when it is set, TensorFlow logs as it would without us."""


def silence_tensorflow() -> None:
    """Silence TensorFlow, whatever ``TF_CPP_MIN_LOG_LEVEL`` is, unless `LOUD` is set."""
    if LOUD not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:  # who only asks whether it is there imports nothing
            sys.meta_path.insert(0, self)
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
