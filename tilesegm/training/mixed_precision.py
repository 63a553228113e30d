"""A twin of a network that trains in another precision."""

from __future__ import annotations

from typing import Any

import keras

from tilesegm.model.device import device_kind, native_bfloat16

__all__ = ["training_precision", "twin_of"]


def training_precision(asked: str) -> str:
    """Return ``"float32"``, ``"bfloat16"`` or ``"float16"``.

    ``"auto"`` is bfloat16 where the device has it natively; on a processor with TensorFlow alone,
    whose kernels make use of it.
    """
    if asked != "auto":
        return asked
    kernels = device_kind() != "cpu" or keras.backend.backend() == "tensorflow"
    return "bfloat16" if kernels and native_bfloat16() else "float32"


def twin_of(model: keras.Model, precision: str) -> keras.Model:
    """Return a twin of a functional model that computes in a precision, with float32 weights.

    The layers that give the outputs keep float32: a softmax or a loss of 16 bits is too coarse.
    ``get_weights`` and ``set_weights`` carry weights between the two.
    """
    fuse = precision == "bfloat16" or (precision == "float32" and device_kind() == "cpu")

    def twin(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if precision != "float32" and layer.name not in model.output_names:
            config["dtype"] = f"mixed_{precision}"
        kind = _FusedNormalization if fuse and _is_fusible(layer) else type(layer)
        return kind.from_config(config)

    copy = keras.models.clone_model(model, clone_function=twin)
    copy.set_weights(model.get_weights())
    return copy


class _FusedNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalisation in one kernel, which reads and writes bfloat16 as well as float32.

    Keras computes it in float32 from separate operations. They cost a quarter of a float32 step
    on a processor, and more than all convolutions of a bfloat16 U-Net together. Weights are the
    same, in the same order.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        import tensorflow as tf

        learns = bool(training) and self.trainable
        weights = [self.gamma, self.beta]
        weights += [] if learns else [self.moving_mean, self.moving_variance]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, *map(tf.convert_to_tensor, weights), epsilon=self.epsilon, is_training=learns
        )
        if learns:
            # The kernel divides by one less than the number of values, Keras by their number.
            values = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], variance.dtype)
            variance *= (values - 1) / values
            keep = self.momentum
            self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
            self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs


def _is_fusible(layer: keras.layers.Layer) -> bool:
    """Tell whether a layer normalises the last of four axes, as TensorFlow's fused kernel does."""
    return (
        keras.backend.backend() == "tensorflow"
        and type(layer) is keras.layers.BatchNormalization
        and layer.axis in (-1, 3)
        and len(layer.input.shape) == 4
        and layer.scale
        and layer.center
        and not layer.synchronized
    )
