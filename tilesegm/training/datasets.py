"""Samples as datasets: tf.data for TensorFlow, and one of Keras for every backend."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.stream import SampleStream

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

__all__ = ["ended_here", "keras_dataset", "tf_dataset"]


@contextmanager
def ended_here() -> Iterator[None]:
    """End the threads of a dataset when an error leaves the block.

    The error's traceback holds the iterator, in a circle that is freed by whichever thread collects
    garbage next. One of the iterator's own would wait for itself, and for ever.
    """
    try:
        yield
    except BaseException as error:
        enabled = gc.isenabled()
        gc.disable()
        try:
            traceback.clear_frames(error.__traceback__)
            gc.collect()
        finally:
            if enabled:
                gc.enable()
        raise


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
        stream: makes the samples.
        first: number of the first batch.
        count: number of batches; without end when None.
        readers: threads that make samples; one per core when 0.
        deterministic: whether batches are ``stream.batch(first)`` and so on; otherwise a sample
            that takes longer may change places with later ones.
        on_error: called with an error in a sample as it was raised, from the thread that made it:
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


def keras_dataset(
    stream: SampleStream,
    first: int = 0,
    count: int | None = None,
    *,
    readers: int = 1,
    part: int = 0,
    parts: int = 1,
) -> keras.utils.PyDataset:
    """Return batches of a stream as a ``keras.utils.PyDataset``.

    Args:
        stream: makes the samples.
        first: number of the first batch.
        count: number of batches; without end when None.
        readers: threads that make batches ahead.
        part: which part of each batch, from 0.
        parts: equal parts that batches are cut into.

    Returns:
        Item ``i`` holds pixels, labels and weights of ``stream.batch(first + i, part, parts)``.
    """
    import keras

    class StreamDataset(keras.utils.PyDataset):  # type: ignore[misc]
        """Batches of a stream."""

        @property
        def num_batches(self) -> int | None:
            return count

        def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
            batch = stream.batch(first + index, part, parts)
            return batch.pixels, batch.labels, batch.weights

    return StreamDataset(workers=readers, use_multiprocessing=False, max_queue_size=2 * readers)
