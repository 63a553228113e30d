"""Registers the classes of this package with Keras, without importing Keras.

A saved model names the classes of its losses and layers. Keras imports modules by name only for its
own packages; any other class must be registered before ``keras.saving.load_model``, which happens
when its module is imported. ``import tilesegm`` must stay light and cannot import these modules,
since they import Keras. So it installs an import hook: as soon as Keras is imported, by the user or
by this package, the modules that register classes are imported too.
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

_MODULES = (
    "tilesegm.losses",
    "tilesegm.losses.weighting",
    "tilesegm.metrics.keras",
    "tilesegm.networks.upsampling",
)


def register_with_keras() -> None:
    """Register this package's classes with Keras, now or when Keras gets imported."""
    if "keras" in sys.modules:
        _register()
    elif not any(isinstance(finder, _KerasImportHook) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasImportHook())


def _register() -> None:
    for module in _MODULES:
        importlib.import_module(module)


class _KerasImportHook(importlib.abc.MetaPathFinder):
    """Finds Keras as usual, and registers the classes after it is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:  # who only asks whether Keras is there, as TensorFlow does, imports nothing
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
