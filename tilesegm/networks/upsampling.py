"""Upsampling by transposed convolution, nearest neighbour, or bilinear interpolation.

In half precision the gradient of ``keras.layers.UpSampling2D(interpolation="bilinear")`` is float32
on TensorFlow, while other gradients are in half precision. XLA refuses to compile that, and Keras
uses XLA by default on a GPU. `Bilinear` casts to float32 and back: the gradient of a cast has the
dtype of its input.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["Bilinear", "upsample"]


@keras.saving.register_keras_serializable(package="tilesegm")
class Bilinear(keras.layers.Layer):  # type: ignore[misc]
    """Enlarges maps by an integer factor, by linear interpolation between pixel centres.

    Maps ``(N, H, W, C)`` become ``(N, factor H, factor W, C)``. Values beyond the edge are the
    values at the edge. Results equal ``keras.layers.UpSampling2D(factor,
    interpolation="bilinear")``, edges included, rounded to the compute dtype of the layer.

    Args:
        factor: factor of height and width, at least 1.
        **settings: the arguments of every Keras layer, such as ``name`` and ``dtype``.
    """

    def __init__(self, factor: int = 2, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = int(factor)

    def call(self, inputs: Any) -> Any:
        """Enlarge ``(N, H, W, C)``."""
        _, rows, cols, _ = ops.shape(inputs)
        size = (rows * self.factor, cols * self.factor)
        x = ops.cast(inputs, "float32")
        if keras.backend.backend() == "tensorflow":
            # Keras compares sizes with 0, which TensorFlow refuses for sides not known yet.
            import tensorflow as tf

            finer = tf.image.resize(x, size, "bilinear")
        else:
            finer = ops.image.resize(x, size, interpolation="bilinear", data_format="channels_last")
        return ops.cast(finer, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return ``(N, factor H, factor W, C)``."""
        batch, rows, cols, bands = input_shape
        rows, cols = (None if side is None else side * self.factor for side in (rows, cols))
        return (batch, rows, cols, bands)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this layer."""
        return {**super().get_config(), "factor": self.factor}


def upsample(x: Any, filters: int, kind: str, factor: int, name: str) -> Any:
    """Enlarge a map by ``factor``, to ``filters`` bands.

    Nearest neighbour and interpolation come after a 1 x 1 convolution to the new number of bands:
    the two commute, and this order convolves ``factor ** 2`` times fewer pixels.

    Args:
        x: map ``(N, H, W, C)``.
        filters: number of bands of the result ``(N, factor H, factor W, filters)``.
        kind: ``"transpose"``, ``"nearest"`` or ``"bilinear"``. The kernel of the transposed
            convolution is as large as its stride, so outputs do not overlap: no checkerboard
            pattern, and no larger receptive field.
        factor: an integer, at least 2.
        name: name of the layer that enlarges; ``"{name}_conv"`` is the convolution before it.
    """
    if kind == "transpose":
        return keras.layers.Conv2DTranspose(filters, factor, strides=factor, name=name)(x)
    x = keras.layers.Conv2D(filters, 1, name=f"{name}_conv")(x)
    if kind == "nearest":
        return keras.layers.UpSampling2D(factor, name=name)(x)
    return Bilinear(factor, name=name)(x)
