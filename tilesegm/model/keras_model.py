"""A Keras model, given or from a file, as a predictor with all that is known about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tilesegm.classes import default_classes
from tilesegm.errors import ModelError
from tilesegm.model.activation import gives_probabilities, refuse_softmax
from tilesegm.model.base import ModelSpec
from tilesegm.model.device import device_kind
from tilesegm.model.first_layer import sees_values_as_stored
from tilesegm.model.guard import GuardedPredictor
from tilesegm.model.keras_predictor import KerasPredictor, with_settings
from tilesegm.model.keras_shape import channels_of, input_of, limits_of
from tilesegm.model.layer_graph import trace
from tilesegm.model.memory import bytes_per_pixel
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.outputs import Outputs, choose_head, probe_outputs, refuse_several, state
from tilesegm.model.precision import choose_precision, in_precision
from tilesegm.model.reason import reason_of
from tilesegm.model.receptive_field import receptive_field

__all__ = [
    "as_graph",
    "describe",
    "hash_of_model",
    "predictor_of",
    "stated",
    "uses_xla",
]


def as_graph(
    model: Any, bands: int | None, head: str | int | None = None, name: str | None = None
) -> Any:
    """Return a model as a graph of layers with one output.

    A model written as a class becomes one layer of a Functional model, and a network that is
    wrapped for training is taken out. Functional and built Sequential models of one output are
    returned as they are.

    Args:
        model: a Keras model.
        bands: bands of the image; needed where the model does not say.
        head: name or number of the output to use; None where there is one.
        name: of the network in errors, such as that of its file; the model's own when not given.

    Raises:
        ModelError: the model cannot be called on an image of any size, or has several outputs.
    """
    return _with_one_output(_graph_of(model, bands), head, name or model.name)


def _graph_of(model: Any, bands: int | None) -> Any:
    model = getattr(model, "inference_network", model)
    if getattr(model, "inputs", None):
        return model
    if bands is None:
        raise ModelError(f"{model.name} does not say how many bands it takes; pass bands=")
    import keras

    image = keras.Input((None, None, bands))
    try:
        return keras.Model(image, model(image), name=model.name)
    except Exception as error:
        raise ModelError(
            f"{model.name} cannot be called on an image of {bands} bands and any size: "
            f"{reason_of(error)}"
        ) from error


def _with_one_output(model: Any, head: str | int | None, name: str) -> Any:
    # A built Sequential holds its graph as a Functional model of its own.
    function = getattr(model, "_functional", None) or model
    outputs = function.output
    if isinstance(outputs, dict) and head is None:
        raise refuse_several(name, outputs, list(outputs))
    chosen = choose_head(name, outputs, head, getattr(function, "output_names", ()))
    if chosen is outputs:
        return model
    import keras

    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, chosen, name=model.name)


def describe(model: Any, name: str) -> ModelSpec:
    """Work out from its layers all that is known about a Keras model, apart from its identity.

    Where the last layer does not tell what the scores are, noise does.

    Raises:
        ModelError: it is not built, has several inputs or outputs, or is no segmentation.
    """
    bands, tile = input_of(model, name)
    channels = channels_of(model, name)
    field = receptive_field(model)
    if field.misfit:
        raise ModelError(f"{name} is not a dense segmentation: {field.misfit}")
    if tile and (tile[0] % field.stride or tile[1] % field.stride):
        raise ModelError(f"{name} takes tiles of {tile}, no multiple of its stride {field.stride}")
    classes = 2 if channels == 1 else channels
    told = gives_probabilities(model)
    if channels == 1:
        refuse_softmax(model, name)
    spec = ModelSpec(
        name=name,
        bands=bands,
        classes=default_classes(classes),
        stride=field.stride,
        radius=field.radius,
        halo=field.halo,
        inexact=field.inexact,
        probabilities=bool(told),
        tile=tile,
        raw=sees_values_as_stored(model),
        bytes_per_pixel=bytes_per_pixel(model, classes),
        **limits_of(model),
    )
    return _probed(model, spec) if told is None else spec


def _probed(model: Any, spec: ModelSpec) -> ModelSpec:
    from keras import ops

    def score(tile: Any) -> Any:
        tiles = np.repeat(tile, spec.batch or 1, axis=0)
        try:
            return ops.convert_to_numpy(ops.cast(model(tiles, training=False), "float32"))[:1]
        except Exception as error:
            raise ModelError(
                f"{spec.name} fails on tiles of shape {tiles.shape}: {reason_of(error)}"
            ) from error

    side = -(-64 // spec.stride) * spec.stride
    shape = (*(spec.tile or (side, side)), spec.bands or 3)
    try:
        probe = probe_outputs(score, shape, spec.integers)
    except ModelError:
        return spec  # it says so itself when it meets an image
    if probe.ids:
        raise ModelError(
            f"{spec.name} gives one score per pixel, and its outputs {probe.finding}; leave the "
            "arg-max out"
        )
    return replace(
        spec,
        probabilities=probe.probabilities,
        overruled=probe.probabilities,
        probed=probe.finding,
    )


def stated(model: Any, spec: ModelSpec, outputs: Outputs) -> ModelSpec:
    """Return the spec of a Keras model whose outputs are what the user says of them."""
    spec = state(spec, outputs.meaning)
    identity = (*spec.identity, *outputs.identity)
    if spec.overruled and model.outputs[0].shape[-1] == 1:
        # The plane of the other class depends on it, so class maps do.
        identity += (("outputs", "probabilities" if spec.probabilities else "logits"),)
    return replace(spec, identity=identity)


def predictor_of(
    model: Any, spec: ModelSpec, normalisation: Normalisation, precision: str
) -> KerasPredictor | GuardedPredictor:
    """Make a predictor of a Keras model.

    Args:
        model: the model.
        spec: what is known of it; what its settings change is changed here.
        normalisation: what pixel values go through first.
        precision: ``"float32"``, ``"bfloat16"`` or ``"auto"``.

    Raises:
        ModelError: the model cannot be rebuilt in the precision.
        SettingsError: the normalisation is for another number of bands.
    """
    chosen = choose_precision(precision)
    asked = precision if precision == chosen else f"{precision}: {chosen}"
    spec = with_settings(spec, normalisation, asked)

    def build(name: str) -> KerasPredictor:
        network = in_precision(model, name)
        call = partial(network, training=False)
        return KerasPredictor(call, spec, normalisation, name, uses_xla(network, spec))

    if precision != "auto":
        return build(precision)
    if chosen == "float32":
        return GuardedPredictor(build("float32"), None, "bfloat16 is not native on this device")
    try:
        fast = build("bfloat16")
    except ModelError as error:
        return GuardedPredictor(build("float32"), None, str(error))
    return GuardedPredictor(build("float32"), fast)


def hash_of_model(model: Any) -> str:
    """Return a SHA-256 of the layers, their settings and wiring, and their weights.

    Names are left out: the same model built twice in one process gets other ones.
    """
    digest = hashlib.sha256()
    graph = trace(model)
    order = {key: index for index, key in enumerate(graph.inputs, -len(graph.inputs))}
    for index, step in enumerate(graph.steps):
        order.update(dict.fromkeys(step.outputs, index))
        wiring = [order[key] for key in step.inputs]
        digest.update(f"{type(step.layer).__name__} {wiring} {_settings(step.layer)}\n".encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def uses_xla(model: Any, spec: ModelSpec) -> bool:
    """Choose between XLA and TensorFlow's own graph, without timing so that reruns agree.

    On a GPU XLA is chosen for networks of known layers, except for interpolated upsampling in mixed
    precision, which XLA cannot compile. On a CPU it is chosen for networks that look at single
    pixels: there it fuses all into one loop, while it makes spatial convolutions slower than
    oneDNN's.
    """
    if device_kind() == "cpu":
        return spec.radius == 0 and not spec.inexact
    return spec.radius is not None and not any(
        getattr(step.layer, "interpolation", "nearest") != "nearest"
        and getattr(step.layer, "compute_dtype", "float32") != "float32"
        for step in trace(model).steps
    )


def _settings(layer: Any) -> str:
    """Return a layer's settings as text that is the same in every process."""
    try:
        config = {**layer.get_config(), "name": None}
    except (NotImplementedError, AttributeError):
        # An operation, or a layer of the user's own that cannot be saved.
        config = {"axis": getattr(layer, "axis", None)}
    return json.dumps(config, sort_keys=True, default=lambda value: type(value).__name__)
