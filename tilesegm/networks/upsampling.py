"""How maps get finer: transposed convolution, repeating, or interpolation that compiles anywhere.

In half precision the gradient of Keras' ``UpSampling2D(interpolation="bilinear")`` is float32 on
TensorFlow, next to others of half precision. XLA refuses to compile that, and Keras asks for XLA by
itself where there is a GPU. `Bilinear` casts to float32 and back: a cast carries its gradient back
to the type that it came from.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["Bilinear", "upsample"]


@keras.saving.register_keras_serializable(package="tilesegm")
class Bilinear(keras.layers.Layer):  # type: ignore[misc]
    """Enlarges maps by a whole factor, by linear interpolation between pixel centres.

    Maps ``(N, H, W, C)`` become ``(N, factor H, factor W, C)``. Values beyond the edge are those
    at the edge. Results are those of ``keras.layers.UpSampling2D(factor,
    interpolation="bilinear")``, edges included, rounded to the layer's compute dtype.

    Args:
        factor: how much larger height and width get, at least 1.
        **settings: what every layer takes: ``name``, ``dtype`` and so on.
    """

    def __init__(self, factor: int = 2, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = int(factor)

    def call(self, inputs: Any) -> Any:
        """Enlarge ``(N, H, W, C)``."""
        _, rows, cols, _ = ops.shape(inputs)
        finer = ops.image.resize(
            ops.cast(inputs, "float32"),
            (rows * self.factor, cols * self.factor),
            interpolation="bilinear",
            data_format="channels_last",
        )
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
    """Make a map ``factor`` times finer, with ``filters`` bands.

    Repeating and interpolation follow a 1 x 1 convolution to the new number of bands: the two
    commute, and this order works on ``factor ** 2`` times fewer pixels.

    Args:
        x: map ``(N, H, W, C)``.
        filters: bands of the result ``(N, factor H, factor W, filters)``.
        kind: ``"transpose"``, ``"nearest"`` or ``"bilinear"``. A transposed convolution has a
            kernel of ``factor`` and so overlaps with none: no checkerboard, no pixel beyond.
        factor: a whole number, at least 2.
        name: name of the layer that enlarges; ``"{name}_conv"`` is the convolution before it.
    """
    if kind == "transpose":
        return keras.layers.Conv2DTranspose(filters, factor, strides=factor, name=name)(x)
    x = keras.layers.Conv2D(filters, 1, name=f"{name}_conv")(x)
    if kind == "nearest":
        return keras.layers.UpSampling2D(factor, name=name)(x)
    return Bilinear(factor, name=name)(x)
