"""A model as bytes for another process, which may see none of our disks."""

from __future__ import annotations

import atexit
import io
import os
import pickle
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tilesegm.errors import ModelError, SettingsError

__all__ = ["pack", "unpack"]


@dataclass(frozen=True)
class _Files:
    """A model on a disk: a file, or a folder with all that is in it."""

    name: str
    archive: bytes

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the files.

        Raises:
            SettingsError: they cannot be read.
        """
        target = io.BytesIO()
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        try:
            with zipfile.ZipFile(target, "w") as archive:
                for file in files:
                    archive.write(file, file.relative_to(path.parent))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"model {path} cannot be sent to workers ({error}); check the path"
            ) from error
        return cls(path.name, target.getvalue())

    def unpack(self) -> str:
        """Write them to a temporary folder, which goes with this process, and return the path."""
        folder = tempfile.mkdtemp(prefix="tilesegm-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(self.archive)) as archive:
            archive.extractall(folder)
        return str(Path(folder, self.name))


def pack(model: Any) -> bytes:
    """Return a model, or a list of several, as bytes; functions of scripts and notebooks too.

    Args:
        model: as in `segment`; files are sent with what is in them.

    Raises:
        SettingsError: it is none that can be sent.
    """
    import cloudpickle

    model = [_packed(one) for one in model] if isinstance(model, list | tuple) else _packed(model)
    try:
        return bytes(cloudpickle.dumps(model))
    except Exception as error:
        raise SettingsError(
            f"{model!r:.80} cannot be sent to workers ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:120]}); save it, and pass its path"
        ) from error


def unpack(data: bytes) -> Any:
    """Return what `pack` packed in another process of ours, which is trusted with its code.

    Raises:
        ModelError: a module that it needs is missing here, or has another version.
    """
    try:
        model = pickle.loads(data)
        return [_unpacked(one) for one in model] if isinstance(model, list) else _unpacked(model)
    except Exception as error:
        raise ModelError(
            f"the network cannot be unpacked in a worker ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:120]}); install there what it needs, or save it and "
            "pass its path"
        ) from error


def _packed(model: Any) -> Any:
    return _Files.of(Path(model)) if isinstance(model, str | os.PathLike) else model


def _unpacked(model: Any) -> Any:
    return model.unpack() if isinstance(model, _Files) else model
