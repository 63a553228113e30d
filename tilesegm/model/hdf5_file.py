"""The HDF5 file that Keras 2 wrote, and Keras 3 still reads where its settings are of today."""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import h5py
import keras

from tilesegm.errors import ModelError

__all__ = ["load_hdf5"]

_FOR_TRAINING = ("_initializer", "_regularizer", "_constraint")


def load_hdf5(path: Path, safe: bool) -> Any:
    """Load a whole model from an HDF5 file.

    Settings that Keras 3 no longer knows and that prediction does not need, such as ``groups=1`` of
    a transposed convolution, are left out.

    Args:
        path: of the file.
        safe: whether layers with code of their own are refused.

    Raises:
        ModelError: the file is damaged, or holds weights without a network.
    """
    try:
        with h5py.File(path) as file:
            text = file.attrs.get("model_config")
    except OSError as error:
        raise ModelError(f"{path} is damaged: it is no HDF5 file ({error})") from error
    if text is None:
        raise ModelError(
            f"{path} holds weights only, without the network; build the network in Python, then "
            f"net.load_weights({path.name!r}) and net.save({path.name.split('.')[0] + '.keras'!r})"
        )
    config = json.loads(text)
    _drop_obsolete(config)
    with tempfile.TemporaryDirectory(prefix="tilesegm-") as folder:
        # Keras tells the format by the name, and takes settings from nowhere but the file.
        copy = Path(folder) / "model.h5"
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
        return keras.saving.load_model(copy, compile=False, safe_mode=safe)


def _drop_obsolete(config: Any) -> None:
    """Leave out of all layers the settings that they do not take and prediction does not need."""
    if isinstance(config, list):
        for entry in config:
            _drop_obsolete(entry)
    if not isinstance(config, dict):
        return
    settings = config.get("config")
    layer = getattr(keras.layers, str(config.get("class_name")), None)
    if isinstance(settings, dict) and layer is not None:
        taken = inspect.signature(layer).parameters
        for name in {*settings} - {*taken}:
            if name.endswith(_FOR_TRAINING) or (name == "groups" and settings[name] == 1):
                del settings[name]
        axis = settings.get("axis")
        if layer is keras.layers.BatchNormalization and isinstance(axis, list) and len(axis) == 1:
            settings["axis"] = axis[0]
    for value in config.values():
        _drop_obsolete(value)
