"""Both pipelines give the stream's batches, however many threads read."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable

import numpy as np
import pytest

from tests.data.stream_parts import ALL, blotches, make_stream
from tilesegm.data.patch import SampleBatch
from tilesegm.data.stream import SampleStream
from tilesegm.training.datasets import keras_dataset, tf_dataset
from tilesegm.training.pipeline_end import ended_here


@pytest.fixture(scope="module")
def stream() -> SampleStream:
    return make_stream([blotches(90, 80, 3)], augmentation=ALL)


def assert_equal(found: Iterable, expected: list[SampleBatch]) -> None:
    found = list(found)
    assert len(found) == len(expected)
    for (pixels, labels, weights), batch in zip(found, expected, strict=True):
        np.testing.assert_array_equal(pixels, batch.pixels)
        np.testing.assert_array_equal(labels, batch.labels)
        np.testing.assert_array_equal(weights, batch.weights)


@pytest.mark.parametrize("readers", [1, 3])
def test_tf_data_gives_the_batches_in_order(stream: SampleStream, readers: int) -> None:
    dataset = tf_dataset(stream, 5, 7, readers=readers, deterministic=True)
    assert_equal(dataset.as_numpy_iterator(), [stream.batch(index) for index in range(5, 12)])


def test_out_of_order_tf_data_gives_the_same_samples(stream: SampleStream) -> None:
    dataset = tf_dataset(stream, 2, 6, readers=3, deterministic=False)
    found = [pixels for batch, _, _ in dataset.as_numpy_iterator() for pixels in batch]
    expected = [stream.sample(index).pixels for index in range(4, 16)]
    assert sorted(map(np.ndarray.tobytes, found)) == sorted(map(np.ndarray.tobytes, expected))


def test_shapes_and_dtypes_are_known_before_a_sample_is_read(stream: SampleStream) -> None:
    pixels, labels, weights = tf_dataset(stream).element_spec
    assert (pixels.shape, pixels.dtype.name) == ((2, 32, 32, 3), "float32")
    assert (labels.shape, labels.dtype.name) == ((2, 32, 32), "int32")
    assert (weights.shape, weights.dtype.name) == ((2, 32, 32), "float32")


def test_without_a_count_tf_data_has_no_end(stream: SampleStream) -> None:
    dataset = tf_dataset(stream, 3, readers=1).take(2)
    assert_equal(dataset.as_numpy_iterator(), [stream.batch(3), stream.batch(4)])
    assert tf_dataset(stream, 3, 4).cardinality() == 4


def test_an_error_ends_the_threads_of_a_dataset_in_the_thread_that_raised_it(
    stream: SampleStream,
) -> None:
    """Else one of them may free the dataset, and wait for itself."""
    alive = []

    def fail() -> None:
        iterator = iter(tf_dataset(stream))
        alive.append(weakref.ref(iterator))
        circle: list = [iterator, next(iterator)]
        circle.append(circle)
        raise KeyboardInterrupt

    gc.disable()  # nothing else frees what is in a circle
    try:
        with pytest.raises(KeyboardInterrupt), ended_here():
            fail()
        assert alive[0]() is None
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_keras_gives_the_same_batches(stream: SampleStream) -> None:
    dataset = keras_dataset(stream, 5, 4, readers=2)
    assert dataset.num_batches == 4
    assert_equal((dataset[index] for index in range(4)), [stream.batch(n) for n in range(5, 9)])


def test_keras_trains_on_every_batch_in_order(stream: SampleStream) -> None:
    import keras

    seen = []

    class Watcher(keras.Model):
        def train_step(self, data: tuple) -> dict[str, float]:
            seen.append(tuple(np.asarray(part) for part in data))
            return {"loss": 0.0}

    watcher = Watcher()
    watcher.compile(run_eagerly=True)
    dataset = keras_dataset(stream, 1, 5, readers=2)
    watcher.fit(dataset, epochs=1, shuffle=False, verbose=0)
    assert_equal(seen, [stream.batch(index) for index in range(1, 6)])
