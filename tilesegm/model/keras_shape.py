"""Shapes and types that go into a Keras model and come out of it, and which of them are refused."""

from __future__ import annotations

from typing import Any

from tilesegm.errors import ModelError
from tilesegm.model.planes import channels_first, check_dtype

__all__ = ["channels_of", "input_of", "limits_of"]


def limits_of(model: Any) -> dict[str, Any]:
    """Return what the input of a Keras model asks for that a bundle does not say."""
    image = model.inputs[0]
    return {"batch": image.shape[0], "integers": image.dtype if "int" in image.dtype else None}


def input_of(model: Any, name: str) -> tuple[int | None, tuple[int, int] | None]:
    """Return the bands of the image and the only size that the model takes.

    Raises:
        ModelError: its input is no image, or there are several.
    """
    inputs = model.inputs
    if len(inputs) > 1:
        names = ", ".join(each.name for each in inputs)
        raise ModelError(
            f"{name} has {len(inputs)} inputs ({names}); a segmentation takes one image: stack them"
            " as its bands, and in Python pass a function that splits it, such as "
            "lambda x: net([x[..., :3], x[..., 3:]])"
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 4:
        raise ModelError(f"{name} takes inputs of shape {shape}, expected (N, H, W, bands)")
    if channels_first(shape):
        raise ModelError(
            f"{name} takes images with channels first, {shape}; in Python, pass "
            f"keras.Sequential([keras.Input(({shape[2]}, {shape[3]}, {shape[1]})), "
            "keras.layers.Permute((3, 1, 2)), net, keras.layers.Permute((2, 3, 1))])"
        )
    height, width = shape[1], shape[2]
    if (height is None) != (width is None):
        raise ModelError(f"{name} fixes one side of its input {shape}; fix both or neither")
    return shape[3], None if height is None or width is None else (height, width)


def channels_of(model: Any, name: str) -> int:
    """Return the number of scores per pixel.

    Raises:
        ModelError: it gives no scores, or several outputs.
    """
    outputs = model.outputs
    if len(outputs) > 1:
        raise ModelError(
            f"{name} has {len(outputs)} outputs; choose one: keras.Model(m.inputs, m.outputs[0])"
        )
    check_dtype(name, outputs[0].dtype)
    shape = tuple(outputs[0].shape)
    if len(shape) == 4 and channels_first(shape):
        raise ModelError(
            f"{name} gives its scores with channels first, {shape}; in Python, pass "
            "keras.Sequential([net, keras.layers.Permute((2, 3, 1))])"
        )
    if len(shape) != 4 or not shape[3]:
        height, width = model.inputs[0].shape[1:3]
        flat = len(shape) == 3 and None not in (height, width) and shape[1] == height * width
        advice = (
            "; in Python, pass "
            f"keras.Sequential([net, keras.layers.Reshape(({height}, {width}, {shape[2]}))])"
            if flat
            else ""
        )
        raise ModelError(
            f"{name} is not a segmentation: its scores have the shape {shape}, "
            f"expected (N, height, width, classes){advice}"
        )
    return int(shape[3])
