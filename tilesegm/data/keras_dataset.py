"""Samples as a dataset of Keras, for every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilesegm.data.stream import SampleStream

if TYPE_CHECKING:
    import keras

__all__ = ["keras_dataset"]


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
        stream: Where samples come from.
        first: Number of the first batch.
        count: How many batches; without end when None.
        readers: Threads that make batches ahead.
        part: Which part of each batch, from 0.
        parts: Equal parts that batches are cut into.

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
