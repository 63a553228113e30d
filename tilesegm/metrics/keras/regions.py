"""IoU and Dice of regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from tilesegm.metrics.confusion import Scores
from tilesegm.metrics.keras.label_pair import LabelPair, histogram
from tilesegm.metrics.keras.pixel_counts import PixelCounts

__all__ = ["Dice", "IoU"]


class _Regions(PixelCounts):
    """Counts pixels by true and predicted class.

    Args:
        classes: number of classes, or their names.
        each: whether to give the score of each class in place of their mean.
        ignore: label whose pixels are not counted.
        from_logits: whether scores are logits, which matters for a single channel alone.
        labelled: whether only classes that the labels show have a score, as in the validation of
            `train`; `evaluate` counts those too that are predicted alone, as 0.
        name: of the metric in the logs.
    """

    def __init__(
        self,
        classes: int | Sequence[str],
        *,
        each: bool = False,
        ignore: int | None = -1,
        from_logits: bool = True,
        labelled: bool = False,
        name: str | None = None,
    ) -> None:
        count = classes if isinstance(classes, int) else len(classes)
        super().__init__(
            classes,
            count * (count + 1),
            each=each,
            ignore=ignore,
            from_logits=from_logits,
            name=name,
        )
        self.labelled = labelled

    @property
    def scores(self) -> Scores:
        """All scores of the pixels so far, in float64: what `tilesegm evaluate` tells of them."""
        return Scores(self.cells.reshape(self.count, self.count + 1))

    def cells_of(self, pair: LabelPair) -> Any:
        """Count pairs of classes; the last column is of predictions that are no class."""
        codes = pair.truth * (self.count + 1) + pair.predicted
        return histogram(codes, pair.known, self.count * (self.count + 1))

    def sums(self, cells: Any) -> tuple[Any, Any, Any]:
        """Return of each class right pixels, those of truth plus prediction, and what it needs."""
        pairs = ops.reshape(cells, (self.count, self.count + 1))
        square = pairs[:, : self.count]
        true = ops.cast(ops.sum(pairs, axis=1), "int32")
        both = true + ops.cast(ops.sum(square, axis=0), "int32")
        return ops.diagonal(square), both, true if self.labelled else both


@keras.saving.register_keras_serializable(package="tilesegm", name="IoUMetric")
class IoU(_Regions):
    """Intersection over union (Jaccard index) of each class, or their mean."""

    title: ClassVar[str] = "iou"

    def ratios(self, cells: Any) -> tuple[Any, Any, Any]:
        """Return intersection and union."""
        right, both, needed = self.sums(cells)
        return right, both - right, needed


# "Dice" is the loss.
@keras.saving.register_keras_serializable(package="tilesegm", name="DiceMetric")
class Dice(_Regions):
    """Dice coefficient, or F1, of each class, or their mean."""

    title: ClassVar[str] = "dice"

    def ratios(self, cells: Any) -> tuple[Any, Any, Any]:
        """Return twice the intersection, and the pixels of both."""
        right, both, needed = self.sums(cells)
        return 2 * right, both, needed
