"""The U-Net: what a convolution sees at the coarse end, drawn sharp with what it saw on the way."""

from __future__ import annotations

from typing import Any

import keras

from tilesegm.errors import SettingsError

__all__ = ["unet"]

_NORMS = ("batch", "none")


def unet(
    bands: int,
    classes: int,
    *,
    filters: int = 16,
    depth: int = 4,
    dropout: float = 0.0,
    norm: str = "batch",
) -> keras.Model:
    """Build a U-Net for images of any size that is a multiple of ``2**depth`` pixels.

    Every level is two 3 x 3 convolutions with zero padding, so scores come out at the size of the
    image; filters double on the way down. All statistics are fixed at inference, which is what
    lets a tile agree with the whole image: with ``norm="batch"`` nothing depends on the extent of
    the input.

    Source: Ronneberger, Fischer, Brox: U-Net, MICCAI 2015; with batch normalisation and "same"
    padding in place of the paper's cropped borders.

    Args:
        bands: Bands of the image.
        classes: Classes to score.
        filters: Filters of the finest level.
        depth: Number of halvings.
        dropout: Fraction of the coarsest features dropped while training, in [0, 1).
        norm: ``"batch"`` normalises after each convolution, ``"none"`` adds a bias instead.

    Returns:
        A functional model: pixels ``(N, H, W, bands)`` to float32 logits ``(N, H, W, classes)``.

    Raises:
        SettingsError: If a number is out of range or ``norm`` is unknown.
    """
    _check(bands, classes, filters, depth, dropout, norm)
    inputs = keras.Input((None, None, bands), name="image")
    x = inputs
    skips = []
    for level in range(depth):
        skip = _level(x, filters << level, norm, f"down{level}")
        skips.append(skip)
        x = keras.layers.MaxPooling2D(2, name=f"pool{level}")(skip)
    x = _level(x, filters << depth, norm, "bottom")
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    for level in reversed(range(depth)):
        width = filters << level
        x = keras.layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}")(x)
        x = keras.layers.Concatenate(name=f"join{level}")([skips[level], x])
        x = _level(x, width, norm, f"level{level}")
    # Logits in float32 whatever the precision inside: a softmax of bfloat16 is too coarse.
    logits = keras.layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="unet")


def _level(x: Any, filters: int, norm: str, name: str) -> Any:
    for step in "ab":
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=norm == "none",
            kernel_initializer="he_normal",
            name=f"{name}_conv_{step}",
        )(x)
        if norm == "batch":
            # 0.9 rather than Keras' 0.99: a run of a hundred steps must forget where it started.
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm_{step}")(x)
        x = keras.layers.ReLU(name=f"{name}_relu_{step}")(x)
    return x


def _check(bands: int, classes: int, filters: int, depth: int, dropout: float, norm: str) -> None:
    for name, value in {
        "bands": bands,
        "classes": classes,
        "filters": filters,
        "depth": depth,
    }.items():
        if value < 1:
            raise SettingsError(f"{name} is {value}; a U-Net needs at least 1")
    if not 0 <= dropout < 1:
        raise SettingsError(f"dropout is {dropout}; pass a fraction from 0 to below 1")
    if norm not in _NORMS:
        raise SettingsError(f"norm is {norm!r}; pass one of {', '.join(map(repr, _NORMS))}")
