"""A TensorFlow SavedModel as a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tilesegm.classes import default_classes
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.model.bundle import sha256_of
from tilesegm.model.graph_check import check_graph
from tilesegm.model.keras_file import import_keras
from tilesegm.model.keras_predictor import KerasPredictor, with_settings
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.outputs import Outputs, choose_head, probe_outputs, state, with_probe
from tilesegm.model.planes import channels_first, check_dtype, planes_of_scores
from tilesegm.model.reason import reason_of
from tilesegm.model.trial import try_sizes

__all__ = ["is_saved_model", "open_saved_model"]

_SIGNATURE = "serving_default"


def is_saved_model(path: Path) -> bool:
    """Tell whether ``path`` is a SavedModel folder."""
    return (path / "saved_model.pb").is_file()


def open_saved_model(
    path: Path, normalisation: Normalisation, outputs: Outputs, bands: int | None
) -> KerasPredictor:
    """Open the signature ``serving_default`` of a SavedModel, or its only one.

    Its layers cannot be looked at, so stride and receptive field are unknown, and what its outputs
    mean is found by a probe.

    Args:
        path: the folder.
        normalisation: what pixel values go through first.
        outputs: what is said of its outputs.
        bands: bands of the image, for a signature that does not say.

    Raises:
        ModelError: the folder cannot be loaded, reaches beyond its own files, or its signature is
            no segmentation.
        SettingsError: the normalisation is for another number of bands.
    """
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise ModelError(f"{path} is a SavedModel, which needs KERAS_BACKEND=tensorflow")
    check_graph(path)
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded as a SavedModel: {reason_of(error)}") from error
    names = list(loaded.signatures)
    if not names:
        raise ModelError(
            f"{path} has no signature; in Python, pass the function "
            f"tf.saved_model.load({path.name!r})"
        )
    if _SIGNATURE not in names and len(names) > 1:
        raise ModelError(
            f"{path} has no signature {_SIGNATURE!r} but {', '.join(names)}; in Python, net = "
            f"tf.saved_model.load({path.name!r}), and pass the function "
            f"lambda x: net.signatures.get({names[0]!r})(tf.constant(x))"
        )
    key = _SIGNATURE if _SIGNATURE in names else names[0]
    signature = loaded.signatures[key]
    scores_of = choose_head(path.name, signature.structured_outputs, outputs.head)
    check_dtype(path.name, scores_of.dtype.name)
    output = next(k for k, v in signature.structured_outputs.items() if v is scores_of)
    name, given = _input_of(path, loaded, key, output)
    _check_scores(path, tuple(scores_of.shape), tuple(given.shape), f"net.signatures.get({key!r})")

    def network(values: Any) -> Any:
        # The signature does not keep the object that owns its variables alive: this closure does.
        return loaded.signatures[key](**{name: tf.cast(values, given.dtype)})[output]

    spec, channels = _describe(path, given, network, outputs, bands)
    spec = with_settings(spec, normalisation, "float32")
    return KerasPredictor(
        lambda values: tf.ensure_shape(network(values), (None, None, None, channels)),
        spec,
        normalisation,
    )


def _input_of(path: Path, loaded: Any, key: str, output: str) -> tuple[str, Any]:
    """Return the name and the tensor of the image that a signature takes."""
    inputs: dict[str, Any] = loaded.signatures[key].structured_input_signature[1]
    shapes = [tuple(each.shape) for each in inputs.values()]
    if len(inputs) != 1 or len(shapes[0]) != 4:
        raise ModelError(
            f"{path} is not a segmentation: its inputs are {', '.join(inputs)} of the shapes "
            f"{shapes}; expected one image (N, H, W, bands)"
        )
    if channels_first(shapes[0]):
        raise ModelError(
            f"{path} takes images with channels first, {shapes[0]}; in Python, net = "
            f"tf.saved_model.load({path.name!r}), and pass the function lambda x: np.moveaxis("
            f"net.signatures[{key!r}](tf.constant(np.moveaxis(x, -1, 1)))[{output!r}], 1, -1)"
        )
    ((name, given),) = inputs.items()
    return name, given


def _check_scores(
    path: Path, shape: tuple[int | None, ...], given: tuple[int | None, ...], call: str
) -> None:
    """Refuse scores that are no map, with the call that makes one of pixels in one row."""
    if len(shape) == 4:
        return
    _, height, width, _ = given
    advice = ""
    if len(shape) == 3 and height and width and shape[1] == height * width:
        advice = (
            f"; in Python, net = tf.saved_model.load({path.name!r}), and pass the function lambda "
            f"x: next(iter({call}(tf.constant(x)).values())).numpy().reshape(-1, {height}, "
            f"{width}, {shape[2]})"
        )
    raise ModelError(
        f"{path} is not a segmentation: its scores have the shape {shape}, expected (N, H, W, "
        f"classes){advice}"
    )


def _describe(
    path: Path,
    given: Any,
    network: Callable[[Any], Any],
    outputs: Outputs,
    image_bands: int | None,
) -> tuple[ModelSpec, int]:
    """Say what the signature of a SavedModel and a probe tell, and its number of channels."""
    batch, height, width, bands = given.shape
    tile = (height, width) if height and width else None
    bands = bands or image_bands
    if bands is None:
        raise ModelError(f"{path} does not say how many bands it takes; pass bands=")
    integers = given.dtype.name if given.dtype.is_integer else None

    def score(values: Any) -> Any:
        try:
            scores = np.asarray(network(np.repeat(values, batch or 1, axis=0)))[:1]
        except Exception as error:
            raise ModelError(
                f"{path.name} fails on tiles of shape {values.shape}: {reason_of(error)}"
            ) from error
        return np.moveaxis(planes_of_scores(path.name, values.shape, scores), 1, -1)

    trial = try_sizes(score, bands, tile)
    classes = max(trial.channels, 2)
    spec = ModelSpec(
        name=path.name,
        bands=bands,
        classes=default_classes(classes),
        inexact=("the layers of a SavedModel cannot be looked at",),
        tile=trial.tile,
        multiple=trial.multiple,
        batch=batch,
        integers=integers,
        bytes_per_pixel=4 * (bands + 2 * classes),
        identity=(("model", _hash_of_folder(path)), *outputs.identity),
    )
    if outputs.probes(trial.channels):
        spec = with_probe(spec, probe_outputs(score, trial.shape, integers), trial.channels)
    return state(spec, outputs.meaning), trial.channels


def _hash_of_folder(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        # The fingerprint is a checksum of its own that differs between equal exports.
        if file.is_file() and file.name != "fingerprint.pb":
            digest.update(f"{file.relative_to(path)} {sha256_of(file)}\n".encode())
    return digest.hexdigest()
