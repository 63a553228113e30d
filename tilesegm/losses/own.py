"""Losses of a user's own: a class in a Python file or an installed module, by its import path."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from tilesegm.errors import InputError
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.names import find

__all__ = ["is_own", "load_own", "source_of"]

_HOW = "see 'Your own loss' in docs/losses/index.md"


def is_own(name: str) -> bool:
    """Whether a name is an import path, such as ``my_losses:Brier``."""
    return ":" in name


def load_own(name: str, folder: str | Path | None = None) -> type[SegmentationLoss]:
    """Run the file or import the module that a name stands for, and return the class.

    Args:
        name: ``MODULE:CLASS`` or ``FILE.py:CLASS``; a file beside ``folder`` comes before an
            installed module.
        folder: where files are looked for; the working directory when not given.

    Raises:
        InputError: there is no such file, module or class, it cannot be run, or it is no loss.
    """
    _, _, attribute = name.rpartition(":")
    module = _module(name, folder)
    losses = [
        key
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, SegmentationLoss)
        and value.__module__ == module.__name__
    ]
    found = getattr(module, attribute, None)
    if found is None:
        if not losses:
            raise InputError(f"{name}: there is no {attribute!r} there, nor any loss; {_HOW}")
        found = getattr(module, find(attribute, losses, f"loss in {_place(name, folder)}"))
    if not isinstance(found, type) or not issubclass(found, SegmentationLoss):
        kind = "a class" if isinstance(found, type) else f"a {type(found).__name__}"
        raise InputError(
            f"{name} is {kind} that does not derive from tilesegm.losses.SegmentationLoss; {_HOW}"
        )
    return found


def source_of(name: str, folder: str | Path | None = None) -> tuple[Path, str]:
    """Return the file behind a name, and the SHA-256 of its content in hexadecimal.

    What that file imports is not part of it.

    Raises:
        InputError: there is no such file or module, or it cannot be read.
    """
    path = _file(name, folder)
    if path is None:
        path = Path(inspect.getfile(load_own(name, folder)))
    return path, hashlib.sha256(_read(path, name)).hexdigest()


def _file(name: str, folder: str | Path | None) -> Path | None:
    """Return the file that a name stands for; None where it is an installed module."""
    module, _, attribute = name.rpartition(":")
    if not module or not attribute.isidentifier():
        raise InputError(
            f"{name!r} is no import path; expected MODULE:CLASS or FILE.py:CLASS, such as "
            "my_losses:Brier"
        )
    base = Path(os.path.abspath(folder or "."))
    if module.endswith(".py"):
        return base / module
    beside = base.joinpath(*module.split(".")).with_suffix(".py")
    return beside if beside.is_file() else None


def _place(name: str, folder: str | Path | None) -> str:
    return str(_file(name, folder) or name.rpartition(":")[0])


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{name}: {path} cannot be read: {error.strerror}; put the file there, or name another"
        ) from None


def _module(name: str, folder: str | Path | None) -> ModuleType:
    path = _file(name, folder)
    if path is None:
        module = name.rpartition(":")[0]
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
                raise InputError(_cannot_run(module, error)) from None
            base = os.path.abspath(folder or ".")
            raise InputError(
                f"{name}: there is neither a file {module.replace('.', '/')}.py in {base} nor an "
                f"installed module {module}"
            ) from None
        except Exception as error:
            raise InputError(_cannot_run(module, error)) from None
    content = _read(path, name)
    # A changed file is another module, so that no class of the file before is taken for it.
    digest = hashlib.sha256(bytes(path) + b"\0" + content).hexdigest()
    title = f"tilesegm_own_{digest[:16]}"
    if title not in sys.modules:
        spec = importlib.util.spec_from_loader(title, loader=None, origin=str(path))
        assert spec is not None
        module_of = importlib.util.module_from_spec(spec)
        module_of.__file__ = str(path)
        sys.modules[title] = module_of
        try:
            exec(compile(content, str(path), "exec"), vars(module_of))
        except Exception as error:
            del sys.modules[title]
            raise InputError(_cannot_run(str(path), error)) from None
    return sys.modules[title]


def _cannot_run(what: str, error: Exception) -> str:
    line = error.lineno if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == what:
            line = frame.lineno
    where = "" if line is None else f" in line {line}"
    said = " ".join(str(error).split())
    return f"{what} cannot be run: {type(error).__name__}{where}: {said}"
