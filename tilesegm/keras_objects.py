"""Makes Keras know the classes of this package without importing Keras.

Keras finds a class of a saved model by its registered name, and names are registered when their
modules are imported. ``import tilesegm`` must stay light, so it only leaves word with the import
system: whenever Keras gets imported, the modules that register classes follow.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["register_with_keras"]

_MODULES = ("tilesegm.losses", "tilesegm.losses.weighting", "tilesegm.networks.upsampling")


def register_with_keras() -> None:
    """Register this package's classes with Keras, now or when Keras gets imported."""
    if "keras" in sys.modules:
        _register()
    elif not any(isinstance(finder, _WhenKerasComes) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenKerasComes())


def _register() -> None:
    for module in _MODULES:
        importlib.import_module(module)


class _WhenKerasComes(importlib.abc.MetaPathFinder):
    """Finds Keras as everybody else would, and sees to it that the registration follows."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
