"""The base of all metrics here: counts of pixels that never lose one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from tilesegm.checks import in_range
from tilesegm.errors import InputError
from tilesegm.losses.configured import Configured
from tilesegm.losses.inputs import prepare_inputs
from tilesegm.metrics.keras.label_pair import LabelPair, pair_of

__all__ = ["PixelCounts"]

_WORD = 1 << 16
"""A count is ``high * _WORD + low``. Words of 16 bits leave room in an int32 to add them up over
devices and over thousands of classes."""


class PixelCounts(Configured, keras.metrics.Metric):  # type: ignore[misc]
    """Base of metrics whose scores follow from counts of pixels.

    JAX has no integers of 64 bits unless it is told to, and float32 loses count at 2^24, so each
    count is kept as two int32 words.

    Args:
        classes: number of classes, or their names.
        cells: numbers that are counted.
        each: whether to give the score of each class, ``iou_water``, in place of their mean.
        ignore: label whose pixels are not counted; -1 is that of `tilesegm`'s own datasets.
        from_logits: whether scores are logits rather than probabilities, which matters for a
            single channel alone.
        name: of the metric in the logs; ``mean_iou``, or ``iou`` with ``each``, when not given.

    Raises:
        SettingsError: there are less than two classes.
    """

    title: ClassVar[str]
    """Name of the score in the logs."""

    def __init__(
        self,
        classes: int | Sequence[str],
        cells: int,
        *,
        each: bool = False,
        ignore: int | None = -1,
        from_logits: bool = True,
        name: str | None = None,
    ) -> None:
        name = name or (self.title if each else f"mean_{self.title}")
        super().__init__(name=name, dtype="float32")
        self.classes = classes if isinstance(classes, int) else tuple(classes)
        self.class_names = tuple(
            str(n) for n in (range(classes) if isinstance(classes, int) else classes)
        )
        in_range("classes", self.count, 2, what="at least two classes,")
        self.each, self.ignore, self.from_logits = each, ignore, from_logits
        # The last one counts pixels that are left out.
        self.low = self.add_variable((cells + 1,), "zeros", "int32", name="low")
        self.high = self.add_variable((cells + 1,), "zeros", "int32", name="high")

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @abstractmethod
    def cells_of(self, pair: LabelPair) -> Any:
        """Count the pixels of a batch, ``(cells,)`` int32."""

    @abstractmethod
    def ratios(self, cells: Any) -> tuple[Any, Any, Any]:
        """Return part and whole of each score, and what is above 0 where it is defined.

        Args:
            cells: ``(cells,)`` int32. All three must be sums of them, ``(K,)`` each, because they
                are taken of the high and the low words of the counts alike.
        """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the pixels of a batch.

        Args:
            y_true: labels ``(N, H, W)``, ``(N, H, W, 1)`` or ``(N, H, W, K)``.
            y_pred: ``(N, H, W, K)`` scores of any float dtype.
            sample_weight: ``(N,)``, ``(N, 1, 1)`` or ``(N, H, W)``; 0 is not counted.

        Raises:
            InputError: shapes do not match, or a label is out of range.
        """
        inputs = prepare_inputs(
            y_true, y_pred, sample_weight, from_logits=self.from_logits, ignore=self.ignore
        )
        pair = pair_of(inputs, self.count)
        left_out = ops.sum(ops.cast(ops.logical_not(pair.known), "int32"))
        cells = ops.append(self.cells_of(pair), ops.cast(left_out, "int32"))
        self._add(cells % _WORD, cells // _WORD)

    def merge_state(self, metrics: Iterable[PixelCounts]) -> None:
        """Add the counts of other metrics, of other processes for instance.

        Raises:
            InputError: one is of another kind or has other classes.
        """
        for other in metrics:
            if type(other) is not type(self) or other.class_names != self.class_names:
                raise InputError(
                    f"{other!r} of classes {other.class_names} cannot be added to {self!r} of "
                    f"classes {self.class_names}; give metrics of one class with the same classes"
                )
            self._add(ops.convert_to_tensor(other.low), ops.convert_to_tensor(other.high))

    def result(self) -> Any:
        """Return the mean over the classes that have a score, or a dict of the score of each.

        The score of one class is its part over its whole, rounded to float32.
        """
        low, high = (self.ratios(ops.convert_to_tensor(w)[:-1]) for w in (self.low, self.high))
        part, whole, needed = (
            ops.cast(h, "float32") * _WORD + ops.cast(w, "float32")
            for w, h in zip(low, high, strict=True)
        )
        there = needed > 0
        scores = ops.where(there, part / ops.where(there, whole, 1.0), float("nan"))
        if self.each:
            return {f"{self.name}_{name}": scores[n] for n, name in enumerate(self.class_names)}
        return ops.sum(ops.where(there, scores, 0.0)) / ops.sum(ops.cast(there, "float32"))

    @property
    def cells(self) -> NDArray[np.int64]:
        """``(cells,)`` what was counted so far, exact."""
        return self._values()[:-1]

    @property
    def left_out(self) -> int:
        """Pixels so far that were not counted: ignored, without weight, or of no class."""
        return int(self._values()[-1])

    def _values(self) -> NDArray[np.int64]:
        low, high = (ops.convert_to_numpy(word).astype(np.int64) for word in (self.low, self.high))
        return np.asarray(high * _WORD + low)

    def _add(self, low: Any, high: Any) -> None:
        total = self.low + low
        self.low.assign(total % _WORD)
        self.high.assign(self.high + high + total // _WORD)
