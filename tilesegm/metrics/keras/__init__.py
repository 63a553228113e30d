"""Scores for ``model.compile(metrics=[...])``, the same that `tilesegm evaluate` gives.

A metric takes what the losses of this package take: label ids ``(N, H, W)`` or ``(N, H, W, 1)``,
or one-hot ``(N, H, W, K)``, and logits or probabilities ``(N, H, W, K)``; K = 1 is a binary
problem. Every image of a batch is a map of its own.

* **What counts.** Pixels of the label ``ignore``, of sample weight 0 and, in a compiled graph, of
  labels out of range are not counted, and `PixelCounts.left_out` tells how many they are. Outside
  a graph a label out of range is an `InputError`. Any other weight counts a pixel once: a score
  is of pixels. Keras hands weights to ``compile(weighted_metrics=[...])`` only.
* **Absent classes.** A class that is neither there nor predicted has no score (NaN) and is left
  out of the mean; one that is only predicted has IoU and Dice 0 and does count. Without any pixel
  the mean is NaN. A boundary IoU is defined where the truth has a border of the class.
* **Counts** are whole numbers, right up to 2^47 pixels on every backend, in every precision.
"""

from tilesegm.metrics.keras.borders import BoundaryIoU
from tilesegm.metrics.keras.pixel_counts import PixelCounts
from tilesegm.metrics.keras.regions import Dice, IoU

__all__ = ["BoundaryIoU", "Dice", "IoU", "PixelCounts"]
