"""Samples as datasets: tf.data for TensorFlow, and one of Keras for every backend."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from itertools import count as counting
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import Sample, SampleBatch
from tilesegm.data.stream import SampleStream
from tilesegm.training.validation.windows import HeldOutWindows

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

__all__ = [
    "Samples",
    "keras_dataset",
    "keras_passes",
    "tf_batches",
    "tf_dataset",
    "tf_passes",
    "tf_windows",
]


class Samples(Protocol):
    """Samples that are known by their numbers."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and bands of a sample."""

    @property
    def batch_size(self) -> int:
        """Samples per batch."""

    def sample(self, index: int) -> Sample:
        """Make one sample, in any thread."""

    def batch(self, index: int) -> SampleBatch:
        """Stack the samples of a batch."""


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
        See `tf_batches`.
    """
    import tensorflow as tf

    batch = stream.batch_size
    last = np.iinfo(np.int64).max if count is None else (first + count) * batch
    numbers = tf.data.Dataset.range(first * batch, last)
    return tf_batches(
        stream, numbers, readers=readers, deterministic=deterministic, on_error=on_error
    )


def tf_passes(stream: SampleStream, count: int | None, *, readers: int = 0) -> tf.data.Dataset:
    """Return batches of a stream; each pass over them begins where the last one ended.

    Args:
        stream: makes the samples.
        count: number of batches of a pass; without end when None.
        readers: threads that make samples; one per core when 0.

    Returns:
        See `tf_batches`.
    """
    import tensorflow as tf

    if count is None:
        return tf_dataset(stream, readers=readers)
    samples = count * stream.batch_size
    passes = counting()

    def numbers(_: tf.Tensor) -> tf.data.Dataset:
        first = tf.numpy_function(lambda: next(passes) * samples, [], tf.int64, stateful=True)
        first.set_shape(())
        return tf.data.Dataset.range(first, first + samples)

    batches = tf_batches(stream, tf.data.Dataset.range(1).flat_map(numbers), readers=readers)
    return _kept(stream, batches.apply(tf.data.experimental.assert_cardinality(count)))


def tf_windows(windows: HeldOutWindows, *, readers: int = 0) -> tf.data.Dataset:
    """Return all held-out windows in batches; the last one may have fewer.

    Args:
        windows: where they lie.
        readers: threads that read; one per core when 0.

    Returns:
        See `tf_batches`.
    """
    import tensorflow as tf

    numbers = tf.data.Dataset.range(len(windows.places))
    return tf_batches(windows, numbers, readers=readers, full=False)


def tf_batches(
    samples: Samples,
    numbers: tf.data.Dataset,
    *,
    readers: int = 0,
    deterministic: bool = True,
    on_error: Callable[[Exception], None] | None = None,
    full: bool = True,
) -> tf.data.Dataset:
    """Return batches of numbered samples, made ahead by several threads.

    The samples are kept as long as the dataset, or one that is made of it.

    Args:
        samples: makes them.
        numbers: int64 numbers of samples, in their order.
        readers: threads that make samples; one per core when 0.
        deterministic: whether to keep the order.
        on_error: called with an error in a sample as it was raised.
        full: whether the last batch is left out where it has fewer samples.

    Returns:
        Pixels ``(N, height, width, bands)`` float32, labels ``(N, height, width)`` int32 and
        weights ``(N, height, width)`` float32.
    """
    import tensorflow as tf

    height, width, bands = samples.shape
    readers = readers or os.cpu_count() or 1
    # TensorFlow never lets go of a Python function that a dataset calls.
    kept = weakref.ref(samples)

    def make(index: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        try:
            source = kept()
            if source is None:
                raise RuntimeError("the dataset is gone; keep a reference to it while it is read")
            sample = source.sample(int(index))
        except Exception as error:
            if on_error is not None:
                on_error(error)
            raise
        return sample.pixels, sample.labels, sample.weights

    def load(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        pixels, labels, weights = tf.numpy_function(
            make, [index], (tf.float32, tf.int32, tf.float32), stateful=False
        )
        pixels.set_shape((height, width, bands))
        labels.set_shape((height, width))
        weights.set_shape((height, width))
        return pixels, labels, weights

    loaded = numbers.map(load, num_parallel_calls=readers, deterministic=deterministic)
    batches = loaded.batch(samples.batch_size, drop_remainder=full)
    options = tf.data.Options()
    options.deterministic = deterministic
    options.threading.private_threadpool_size = readers
    return _kept(samples, batches.prefetch(2).with_options(options))


def _kept(samples: Samples, dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Let a dataset hold what its samples are made from; those made of it hold the dataset."""
    dataset.samples = samples
    return dataset


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
    return _py_dataset(lambda index: stream.batch(first + index, part, parts), count, readers)


def keras_passes(
    samples: Samples, count: int | None, *, fresh: bool, readers: int = 1
) -> keras.utils.PyDataset:
    """Return batches as a ``keras.utils.PyDataset``.

    Args:
        samples: makes them.
        count: number of batches of an epoch; without end when None.
        fresh: whether each epoch, or pass, begins where the last one ended; all are alike
            otherwise.
        readers: threads that make batches ahead.
    """
    return _py_dataset(samples.batch, count, readers, fresh)


def _py_dataset(
    make: Callable[[int], SampleBatch], count: int | None, readers: int, fresh: bool = False
) -> keras.utils.PyDataset:
    import keras

    class NumberedBatches(keras.utils.PyDataset):  # type: ignore[misc]
        """Batches that are known by their numbers."""

        first = 0
        """Number of the first batch of this epoch."""
        over = False
        """Whether the last batch of this epoch was asked for."""

        @property
        def num_batches(self) -> int | None:
            return count

        def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
            self.over = self.over or index + 1 == count
            return self._make(self.first + index)

        def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
            first = self.first
            if fresh and count is not None:
                self.first += count
            for index in range(count) if count is not None else counting():
                yield self._make(first + index)

        def on_epoch_begin(self) -> None:
            self.over = False

        def on_epoch_end(self) -> None:
            # Keras says so too when it has looked at the first batch only.
            if fresh and self.over and count is not None:
                self.first += count
            self.over = False

        def _make(self, index: int) -> tuple[Any, Any, Any]:
            batch = make(index)
            return batch.pixels, batch.labels, batch.weights

    return NumberedBatches(workers=readers, use_multiprocessing=False, max_queue_size=2 * readers)
