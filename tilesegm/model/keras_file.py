"""Loading a Keras file."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

from tilesegm.errors import ModelError
from tilesegm.inputs import check_input
from tilesegm.model.archive import check_hdf5, check_keras_zip
from tilesegm.model.foreign_file import refuse_folder, refuse_foreign, refuse_missing
from tilesegm.model.reason import reason_of
from tilesegm.shown import line_of
from tilesegm.trust import HOW_TO_TRUST, trusted

__all__ = ["import_keras", "load_keras"]

_HDF5 = b"\x89HDF\r\n\x1a\n"


def import_keras() -> ModuleType:
    """Import Keras with its backend.

    Raises:
        ModelError: Keras or the backend is not installed, or there is no such backend.
    """
    try:
        import keras
    except (ImportError, ValueError) as error:
        raise ModelError(
            f"Keras cannot be imported ({line_of(error)}); pip install tensorflow keras, or set "
            "KERAS_BACKEND to a backend that is installed: tensorflow, jax or torch"
        ) from error
    return keras  # type: ignore[no-any-return]


def load_keras(path: Path) -> Any:
    """Load a ``.keras`` file, or the HDF5 file that Keras 2 wrote under whatever name.

    Raises:
        ModelError: it is missing, of another format, damaged, or uses code that is not at hand.
    """
    if not path.exists():
        raise refuse_missing(path)
    check_input(path, ModelError)
    if path.is_dir():
        raise refuse_folder(path)
    with path.open("rb") as file:
        begins = file.read(len(_HDF5))
    is_hdf5 = begins == _HDF5 or path.suffix in (".h5", ".hdf5")
    if not is_hdf5 and (path.suffix != ".keras" or not zipfile.is_zipfile(path)):
        raise refuse_foreign(path)
    try:
        if is_hdf5:
            check_hdf5(path, path, path.stat().st_size)
        else:
            check_keras_zip(path)
        keras = import_keras()
        # A file cannot turn this off: what Keras loads in safe mode holds no code of its own.
        safe = not trusted()
        if is_hdf5:
            from tilesegm.model.hdf5_file import load_hdf5

            return load_hdf5(path, safe)
        return keras.saving.load_model(path, compile=False, safe_mode=safe)
    except ModelError:
        raise
    except RecursionError:
        raise ModelError(f"{path} cannot be loaded: its layers are nested too deep") from None
    except MemoryError:
        raise ModelError(f"{path} cannot be loaded: its arrays do not fit into memory") from None
    except Exception as error:
        raise _refuse(path, error) from error


def _refuse(path: Path, error: Exception) -> ModelError:
    """Return the refusal of a file that Keras fails on, with the advice that fits its reason."""
    reason = reason_of(error)
    if "`Lambda` layer" in reason:
        advice = f"keras.models.load_model({path.name!r}, safe_mode=False)"
        return ModelError(
            f"{path} cannot be loaded: it has a Lambda layer, which may run any code; "
            f"{HOW_TO_TRUST}, or load it in Python and pass the model: {advice}"
        )
    own, objects = re.match(r"(Could not locate (?:class|function) '(\w+)')\. ", reason), "..."
    if own:
        # What Keras advises next is for the program that defines it, and here is the call.
        reason, objects = own[1], f"'{own[2]}': {own[2]}"
    advice = (
        "load it in Python with your own layers and pass the model: "
        f"keras.models.load_model({path.name!r}, custom_objects={{{objects}}})"
    )
    if _version(path).startswith("2"):
        advice = (
            f"Keras {_version(path)} wrote it: pip install tf_keras, in Python "
            f"tf_keras.models.load_model({path.name!r}).export({path.stem!r}), and pass that folder"
        )
    return ModelError(f"{path} cannot be loaded: {reason}; {advice}")


def _version(path: Path) -> str:
    """Version of Keras that wrote a file; empty where it does not say."""
    if not zipfile.is_zipfile(path):
        import h5py

        with h5py.File(path) as file:
            return str(file.attrs.get("keras_version", ""))
    with zipfile.ZipFile(path) as archive:
        text = archive.read("metadata.json") if "metadata.json" in archive.namelist() else b"{}"
    return str(json.loads(text).get("keras_version", ""))
