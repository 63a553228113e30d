"""Samples as a tf.data pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.stream import SampleStream

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["tf_dataset"]


def tf_dataset(
    stream: SampleStream,
    first: int = 0,
    count: int | None = None,
    *,
    readers: int = 0,
    deterministic: bool = True,
    on_error: Callable[[Exception], None] | None = None,
) -> tf.data.Dataset:
    """Return batches of a stream, made ahead by several threads.

    Args:
        stream: Where samples come from.
        first: Number of the first batch.
        count: How many batches; without end when None.
        readers: Threads that make samples; one a core when 0.
        deterministic: Whether batches are ``stream.batch(first)`` and so on; otherwise a sample
            that takes longer may change places with later ones.
        on_error: Told of an error in a sample as it was raised, from the thread that made it:
            TensorFlow raises one of its own, with no more than its text.

    Returns:
        Pixels ``(N, size, size, bands)`` float32, labels ``(N, size, size)`` int32 and weights
        ``(N, size, size)`` float32.
    """
    import tensorflow as tf

    size, batch = stream.settings.size, stream.settings.batch
    readers = readers or os.cpu_count() or 1

    def make(index: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        try:
            sample = stream.sample(int(index))
        except Exception as error:
            if on_error is not None:
                on_error(error)
            raise
        return sample.pixels, sample.labels, sample.weights

    def load(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        pixels, labels, weights = tf.numpy_function(
            make, [index], (tf.float32, tf.int32, tf.float32), stateful=False
        )
        pixels.set_shape((size, size, stream.bands))
        labels.set_shape((size, size))
        weights.set_shape((size, size))
        return pixels, labels, weights

    last = np.iinfo(np.int64).max if count is None else (first + count) * batch
    samples = tf.data.Dataset.range(first * batch, last)
    samples = samples.map(load, num_parallel_calls=readers, deterministic=deterministic)
    batches = samples.batch(batch, drop_remainder=True).prefetch(2)
    options = tf.data.Options()
    options.deterministic = deterministic
    options.threading.private_threadpool_size = readers
    return batches.with_options(options)
