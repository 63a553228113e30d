"""Truth and prediction of a window, with enough around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["WindowPair", "clip_ids", "make_pair"]


@dataclass(frozen=True)
class WindowPair:
    """Class ids of truth and prediction, one unsigned type, with a halo around what is counted.

    Ids from 0 to ``classes - 1`` are classes. ``classes`` stands for a prediction that is no
    class, and the type's greatest value for pixels that are unknown, in truth and prediction
    alike: ignored, outside the area of interest, or outside the image.
    """

    truth: NDArray[Any]
    """``(height, width)`` uint8 or uint16."""
    predicted: NDArray[Any]
    classes: int
    inner: tuple[slice, slice]
    """Rows and columns that are counted; the rest is halo."""

    @property
    def unknown(self) -> int:
        """Id of pixels that are not known."""
        return int(np.iinfo(self.truth.dtype).max)

    @property
    def core(self) -> WindowPair:
        """The same without its halo."""
        truth, predicted = self.truth[self.inner], self.predicted[self.inner]
        return WindowPair(truth, predicted, self.classes, (slice(None), slice(None)))


def make_pair(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    classes: int,
    known: NDArray[np.bool_] | None = None,
    inner: tuple[slice, slice] = (slice(None), slice(None)),
) -> WindowPair:
    """Bring ids of any integer type to one small type.

    Args:
        truth: ``(height, width)`` class ids; any other id, negative ones too, is unknown.
        predicted: ``(height, width)`` class ids; any other id is a wrong prediction.
        classes: number of classes.
        known: ``(height, width)``, False where pixels are not counted; None counts all.
        inner: rows and columns that are counted.
    """
    dtype, unknown = (np.uint8, 255) if classes < 255 else (np.uint16, 65535)
    actual: NDArray[Any] = clip_ids(truth, classes).astype(dtype)
    given: NDArray[Any] = clip_ids(predicted, classes).astype(dtype)
    actual[actual == classes] = unknown
    if known is not None:
        actual[~known] = unknown
    given[actual == unknown] = unknown
    return WindowPair(actual, given, classes, inner)


def clip_ids(ids: NDArray[Any], classes: int) -> NDArray[Any]:
    """Turn every id that is no class, negative ones too, into ``classes``."""
    if ids.dtype.kind == "i":
        # Seen without its sign, a negative number is a very large one.
        ids = ids.view(np.dtype(f"u{ids.itemsize}"))
    if classes > np.iinfo(ids.dtype).max:
        return ids
    return np.asarray(np.minimum(ids, ids.dtype.type(classes)))
