"""Loading a Keras file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

from tilesegm.errors import ModelError

__all__ = ["import_keras", "load_keras"]


def import_keras() -> ModuleType:
    """Import Keras with its backend.

    Raises:
        ModelError: Keras or the backend is not installed.
    """
    try:
        import keras
    except ImportError as error:
        raise ModelError(
            f"Keras cannot be imported ({error}); pip install tensorflow keras, or set "
            "KERAS_BACKEND to a backend that is installed"
        ) from error
    return keras  # type: ignore[no-any-return]


def load_keras(path: Path) -> Any:
    """Load a ``.keras`` file.

    Raises:
        ModelError: it is missing, of another format, damaged, or uses code that is not at hand.
    """
    if not path.exists():
        raise ModelError(f"{path} does not exist; pass a bundle folder, .keras file or SavedModel")
    if path.is_dir():
        raise ModelError(f"{path} is a folder but neither a bundle nor a SavedModel")
    if path.suffix in (".h5", ".hdf5"):
        raise ModelError(
            f"{path} is in the old HDF5 format, which loses custom layers; save it again with "
            f"keras.models.load_model({path.name!r}).save({path.stem + '.keras'!r})"
        )
    if path.suffix != ".keras":
        raise ModelError(f"{path} is no model; pass a bundle folder, .keras file or SavedModel")
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is damaged: a .keras file is a zip archive; copy it again")
    keras = import_keras()
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{path} cannot be loaded: {reason}; if it uses your own layers or Lambda, load it "
            "in Python and pass the model"
        ) from error
