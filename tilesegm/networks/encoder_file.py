"""A network from a file as encoder, and its first kernel for images of other bands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ModelError
from tilesegm.model.keras_file import load_keras
from tilesegm.networks.blocks import level
from tilesegm.networks.settings import ModelSettings

__all__ = ["encode_by_file", "spread_over_bands"]


def encode_by_file(inputs: Any, settings: ModelSettings) -> list[Any]:
    """Return maps of strides 1, 2, 4 ... ``2 ** settings.halvings`` of a saved encoder.

    The file holds a functional Keras model with one image as input, whose outputs are maps of
    strides 2, 4, 8 and so on, in this order. It should expect bands of mean 0 and deviation 1. Its
    weights are copied; a first kernel for three bands is adapted to the bands of the image.

    Args:
        inputs: the image ``(N, H, W, bands)``.
        settings: settings with an encoder whose name is a path.

    Raises:
        ModelError: there is no such file, or it holds no such encoder.
    """
    assert settings.encoder is not None
    path = Path(settings.encoder.name)
    saved = _open(path)
    bands = inputs.shape[-1]
    _check_strides(saved, path, settings.halvings)
    if saved.inputs[0].shape[-1] not in (3, bands):
        raise ModelError(
            f"encoder {path} takes {saved.inputs[0].shape[-1]} bands and the image has {bands}; "
            f"pass an encoder of {bands} or of 3 bands, which are adapted"
        )
    layers: dict[str, keras.layers.Layer] = {}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        layers[layer.name] = type(layer).from_config(layer.get_config())
        if isinstance(layer, keras.layers.BatchNormalization):
            # As in `blocks.normalise`: 0.99 or more would outlast a short run.
            layers[layer.name].momentum = 0.9
        return layers[layer.name]

    own = isinstance(saved.input, (list, tuple))
    clone = keras.models.clone_model(
        saved, input_tensors=[inputs] if own else inputs, clone_function=copy
    )
    for layer in saved.layers:
        if layer.weights:
            _carry_over(layer, layers[layer.name], bands)
    maps = [level(inputs, settings.filters, settings, "full")]
    outputs = clone.outputs[: settings.halvings]
    maps += [keras.layers.Identity(name=f"encoder{n}")(x) for n, x in enumerate(outputs, 1)]
    return maps


def spread_over_bands(kernel: NDArray[np.floating], bands: int) -> NDArray[np.float32]:
    """Adapt a kernel for red, green and blue to any number of bands.

    For one or two bands each gets the mean of the three. For more than three bands the first three
    are kept, and the others get their mean. All are scaled by ``3 / bands``, so that an image of
    equal bands gives the response of a grey photograph.

    Args:
        kernel: array ``(h, w, 3, filters)``.
        bands: number of bands of the image.

    Returns:
        float32 array ``(h, w, bands, filters)``.
    """
    kernel = np.asarray(kernel, np.float32)
    if bands == 3:
        return kernel
    mean = kernel.mean(axis=2, keepdims=True)
    kept = kernel if bands > 3 else kernel[:, :, :0]
    others = np.repeat(mean, bands - kept.shape[2], axis=2)
    return np.concatenate([kept, others], axis=2) * np.float32(3 / bands)


def _open(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"encoder {path} does not exist; pass a .keras file, or a known name")
    try:
        saved = load_keras(path)
    except ModelError as error:
        raise ModelError(f"encoder {path} cannot be opened by Keras ({error})") from error
    if not getattr(saved, "inputs", None) or len(saved.inputs) != 1:
        raise ModelError(
            f"encoder {path} is a {type(saved).__name__}; pass a functional model of one image"
        )
    return saved


def _check_strides(saved: Any, path: Path, halvings: int) -> None:
    side = 2**halvings * 4
    shape = (1, side, side, saved.inputs[0].shape[-1])
    shapes = saved.compute_output_shape(shape)
    shapes = [shapes] if isinstance(shapes[0], int) else list(shapes)
    sides = [each[1:3] for each in shapes[:halvings]]
    wanted = [(side >> n, side >> n) for n in range(1, halvings + 1)]
    if [tuple(each) for each in sides] != wanted:
        raise ModelError(
            f"encoder {path} turns {side} x {side} px into maps of "
            f"{', '.join(f'{each[0]} x {each[1]}' for each in sides)}; its outputs must have "
            f"strides {', '.join(str(2**n) for n in range(1, halvings + 1))} in this order, or "
            f"take a smaller model.depth"
        )


def _carry_over(saved: keras.layers.Layer, fresh: keras.layers.Layer, bands: int) -> None:
    weights = saved.get_weights()
    first = fresh.get_weights()[0].shape
    if weights[0].shape != first and weights[0].shape[2] == 3 and first[2] == bands:
        weights[0] = spread_over_bands(weights[0], bands)
    fresh.set_weights(weights)
