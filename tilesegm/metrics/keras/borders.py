"""Boundary IoU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.metrics.bands import BandCounts
from tilesegm.metrics.keras.label_pair import LabelPair, histogram
from tilesegm.metrics.keras.pixel_counts import PixelCounts

__all__ = ["BoundaryIoU"]


@keras.saving.register_keras_serializable(package="tilesegm", name="BoundaryIoUMetric")
class BoundaryIoU(PixelCounts):
    """Boundary IoU (Cheng et al. 2021) of each class, or their mean; see `docs/metrics.md`.

    It equals that of `tilesegm evaluate` where each image of a batch is a whole map. Tiles of one
    map do not see borders beyond their edges, within ``band`` pixels of them.

    Args:
        classes: number of classes, or their names.
        band: width of the band along borders, in pixels.
        each: whether to give the score of each class in place of their mean.
        ignore: label whose pixels are not counted, and make no border.
        from_logits: whether scores are logits, which matters for a single channel alone.
        name: of the metric in the logs.

    Raises:
        SettingsError: the band has no width.
    """

    title: ClassVar[str] = "boundary_iou"

    def __init__(
        self,
        classes: int | Sequence[str],
        *,
        band: int = 3,
        each: bool = False,
        ignore: int | None = -1,
        from_logits: bool = True,
        name: str | None = None,
    ) -> None:
        in_range("band", band, 1)
        self.band = band
        super().__init__(
            classes,
            3 * (classes if isinstance(classes, int) else len(classes)),
            each=each,
            ignore=ignore,
            from_logits=from_logits,
            name=name,
        )

    @property
    def bands(self) -> BandCounts:
        """What was counted so far, exact, and its scores in float64."""
        return BandCounts(*self.cells.reshape(3, self.count))

    def cells_of(self, pair: LabelPair) -> Any:
        """Count the pixels of each class in the bands of both, of truth and of prediction."""
        near_true, near_predicted = (
            pair.known & _near_border(ids, pair.known, self.band)
            for ids in (pair.truth, pair.predicted)
        )
        both = near_true & near_predicted & (pair.truth == pair.predicted)
        return ops.concatenate(
            [
                histogram(pair.truth, both, self.count),
                histogram(pair.truth, near_true, self.count),
                histogram(pair.predicted, near_predicted, self.count),
            ]
        )

    def ratios(self, cells: Any) -> tuple[Any, Any, Any]:
        """Return intersection and union of the bands; defined where the truth has a border."""
        both, true, predicted = ops.unstack(ops.reshape(cells, (3, self.count)))
        return both, true + predicted - both, true


def _near_border(ids: Any, known: Any, radius: int) -> Any:
    """Tell pixels with another known class within ``radius``, as `border_depth` does.

    Where the least and the greatest id within reach equal the pixel's own, there is no other.
    """
    own = ops.cast(ids, "float32")
    greatest = _widest(ops.where(known, own, -float("inf")), radius)
    least = -_widest(ops.where(known, -own, -float("inf")), radius)
    return (least != own) | (greatest != own)


def _widest(values: Any, radius: int) -> Any:
    """Greatest value within the square of ``radius`` around each pixel, ``(N, H, W)``."""
    values, side = values[..., None], 2 * radius + 1
    for pool in ((side, 1), (1, side)):
        values = ops.max_pool(values, pool, strides=1, padding="same", data_format="channels_last")
    return values[..., 0]
