"""A TensorFlow SavedModel as a network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tilesegm.classes import default_classes
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.model.bundle import sha256_of
from tilesegm.model.keras_file import import_keras
from tilesegm.model.keras_predictor import KerasPredictor, with_settings
from tilesegm.model.normalisation import Normalisation

__all__ = ["is_saved_model", "open_saved_model"]

_SIGNATURE = "serving_default"


def is_saved_model(path: Path) -> bool:
    """Tell whether ``path`` is a SavedModel folder."""
    return (path / "saved_model.pb").is_file()


def open_saved_model(path: Path, normalisation: Normalisation) -> KerasPredictor:
    """Open the signature ``serving_default`` of a SavedModel.

    Its layers cannot be looked at, so stride and receptive field are unknown, and scores are taken
    as logits.

    Raises:
        ModelError: the folder cannot be loaded, or its signature is no segmentation.
        SettingsError: the normalisation is for another number of bands.
    """
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise ModelError(f"{path} is a SavedModel, which needs KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{path} cannot be loaded as a SavedModel: {reason}") from error
    if _SIGNATURE not in loaded.signatures:
        names = ", ".join(loaded.signatures) or "none"
        raise ModelError(
            f"{path} has no signature {_SIGNATURE!r} (it has: {names}); export it again"
        )
    signature = loaded.signatures[_SIGNATURE]
    inputs = signature.structured_input_signature[1]
    spec = _describe(path, [i.shape for i in inputs.values()], signature.output_shapes)
    ((name, given),) = inputs.items()

    def network(values: Any) -> Any:
        # The signature does not keep the object that owns its variables alive: this closure does.
        (scores,) = loaded.signatures[_SIGNATURE](**{name: tf.cast(values, given.dtype)}).values()
        return scores

    return KerasPredictor(network, with_settings(spec, normalisation, "float32"), normalisation)


def _describe(path: Path, inputs: list[Any], outputs: Any) -> ModelSpec:
    """Say what the shapes of a signature tell."""
    shapes = [tuple(shape) for shape in (*inputs, *outputs.values())]
    if len(inputs) != 1 or len(shapes) != 2 or any(len(shape) != 4 for shape in shapes):
        raise ModelError(
            f"{path} is not a segmentation: its inputs and outputs have the shapes {shapes}; "
            "expected one image (N, H, W, bands) and its scores (N, H, W, classes)"
        )
    (_, height, width, bands), (*_, channels) = shapes
    if channels is None or channels < 2:
        raise ModelError(
            f"{path} gives {channels or 'an unknown number of'} scores per pixel; export it with "
            "one for each class, such as (1 - p, p)"
        )
    return ModelSpec(
        name=path.name,
        bands=bands,
        classes=default_classes(channels),
        inexact=("the layers of a SavedModel cannot be looked at",),
        tile=(height, width) if height and width else None,
        bytes_per_pixel=4 * ((bands or 1) + 2 * channels),
        identity=(("model", _hash_of_folder(path)),),
    )


def _hash_of_folder(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        # The fingerprint is a checksum of its own that differs between equal exports.
        if file.is_file() and file.name != "fingerprint.pb":
            digest.update(f"{file.relative_to(path)} {sha256_of(file)}\n".encode())
    return digest.hexdigest()
