"""The attention gate: a skip connection weighted by the relevance that the coarser level sees."""

from __future__ import annotations

from typing import Any

import keras

from tilesegm.networks.upsampling import Bilinear

__all__ = ["gate"]


def gate(skip: Any, coarse: Any, filters: int, name: str) -> Any:
    """Weigh a skip connection by additive attention.

    ``a = sigmoid(psi(relu(theta(skip) + phi(coarse))))`` is computed on the coarse grid, with
    theta a 2 x 2 convolution of stride 2 and phi and psi 1 x 1 convolutions, then interpolated;
    the result is ``a * skip``.

    Source: Oktay et al.: Attention U-Net: Learning Where to Look for the Pancreas, MIDL 2018,
    equations 1 and 2.

    Args:
        skip: map ``(N, 2 H, 2 W, C)``.
        coarse: map ``(N, H, W, D)`` of the next coarser level of the decoder.
        filters: number of bands in which the two maps are compared.
        name: prefix of the names of the layers.

    Returns:
        Map ``(N, 2 H, 2 W, C)``.
    """
    theta = keras.layers.Conv2D(filters, 2, strides=2, use_bias=False, name=f"{name}_theta")(skip)
    phi = keras.layers.Conv2D(filters, 1, name=f"{name}_phi")(coarse)
    x = keras.layers.Add(name=f"{name}_add")([theta, phi])
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    x = keras.layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_psi")(x)
    x = Bilinear(2, name=f"{name}_up")(x)
    return keras.layers.Multiply(name=f"{name}_multiply")([skip, x])
