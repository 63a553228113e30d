"""Blob loss: every object counts the same, however small it is."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from scipy import ndimage

from tilesegm.checks import in_range
from tilesegm.errors import InputError, SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs, prepare_inputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.tensors import Tensor

__all__ = ["BlobLoss", "blob_dice", "number_blobs"]

_STRIDE = 1024
"""A numbered label is ``class + 1024 * blob``: plain class maps keep their meaning."""


def number_blobs(
    class_map: npt.NDArray[Any], *, ignore: int | None = None, background: int | None = 0
) -> npt.NDArray[np.int32]:
    """Number the connected objects of a class map, in one map that also holds the class.

    Call it once for the whole image, before tiling, so that an object that a tile's edge cuts stays
    one object. The result is a label map like any other: crop it, flip it, warp it by nearest
    neighbour. Numbers begin at 1; pixels that touch at a corner are connected.

    Args:
        class_map: ``(H, W)`` class ids below 1024.
        ignore: id whose pixels are left unchanged.
        background: id whose pixels belong to no object and are left unchanged; None if every class
            has objects.

    Returns:
        int32 ``(H, W)``: ``class + 1024 * number``, the label map for `BlobLoss`.

    Raises:
        InputError: an id other than ``ignore`` is negative, or 1024 or more.
    """
    numbered = np.asarray(class_map).astype(np.int32)
    total = 0
    for label in np.unique(numbered).tolist():
        if label in (ignore, background):
            continue
        if not 0 <= label < _STRIDE:
            raise InputError(
                f"class_map holds the id {label}, expected 0 to {_STRIDE - 1}; relabel it, or pass"
                " it as ignore"
            )
        blobs, count = ndimage.label(class_map == label, structure=np.ones((3, 3)))
        numbered += np.where(blobs > 0, (blobs + total) * _STRIDE, 0).astype(np.int32)
        total += count
    return numbered


def blob_dice(
    target: Tensor, probability: Tensor, weight: Tensor, blobs: Tensor, *, limit: int = 128
) -> Tensor:
    """Return the mean Dice loss of single objects, with other objects of the class masked out.

    For an object of class k this is ``1 - 2 I / (I + P + S)``, with S the size of the object, I the
    sum of the probability of k inside the object and P the sum outside all objects of k: three
    segment sums, no loop over objects.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)``.
        weight: ``(N, H, W)`` pixel weights; they weigh pixels, and every object counts once.
        blobs: ``(N, H, W)`` int32 numbers of the objects; 0 for pixels without an object.
        limit: numbers are taken modulo this; objects of one image and class with the same
            remainder are treated as one.

    Returns:
        A scalar in [0, 1]; 0 if there are no objects.
    """
    K = int(target.shape[-1])
    images = ops.shape(target)[0]
    image = ops.reshape(ops.arange(images, dtype="int32"), (-1, 1, 1))
    segment = ops.reshape(image * limit + blobs % limit, (-1,))
    size = weight[..., None] * target
    both = ops.concatenate([size, size * probability], axis=-1)
    sums = ops.segment_sum(ops.reshape(both, (-1, 2 * K)), segment, num_segments=images * limit)
    sums = ops.reshape(sums, (-1, limit, 2 * K))
    sizes, inside = sums[..., :K], sums[..., K:]
    outside = weight[..., None] * (1.0 - target) * probability
    outside = ops.sum(outside, axis=(1, 2))[:, None]
    present = sizes > 0.0
    union = ops.where(present, inside + outside + sizes, 1.0)
    return weighted_mean((outside + sizes - inside) / union, ops.cast(present, "float32"))


@keras.saving.register_keras_serializable(package="tilesegm")
class BlobLoss(SegmentationLoss):
    """Blob loss over soft Dice (Kofler et al. 2023, IPMI): small objects count as much as large.

    The mean over objects of ``1 - 2 I / (I + P + S)``, see `blob_dice`. ``y_true`` is the map of
    `number_blobs`. A plain class map works too: all pixels of a class are then one object. On tiles
    without objects value and gradient are 0, so it needs a ``global_loss``, which gets the labels
    without numbers: ``BlobLoss(global_loss=2 * Dice())`` is the sum of the paper.

    Args:
        global_loss: loss to add, with its own factor; ``from_logits`` and ``ignore`` are taken from
            it.
        limit: greatest number of objects to distinguish in a tile, 1 or more; costs memory, not
            time.
        background: whether class 0 counts as an object if K > 1.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.

    Raises:
        SettingsError: ``limit`` is below 1, or ``from_logits`` or ``ignore`` differ from those of
            ``global_loss``.
    """

    earlier_names: ClassVar = {"beside": "global_loss"}

    def __init__(
        self,
        *,
        global_loss: SegmentationLoss | None = None,
        limit: int = 128,
        background: bool = False,
        **common: Unpack[Common],
    ) -> None:
        if global_loss is not None:
            shared = {"from_logits": global_loss.from_logits, "ignore": global_loss.ignore}
            if any(common.get(key, value) != value for key, value in shared.items()):
                raise SettingsError(
                    "global_loss has another from_logits or ignore; give them to that loss alone"
                )
            common = {**common, **shared}  # type: ignore[typeddict-item]
        super().__init__(**common)
        in_range("limit", limit, 1, what="a number of objects")
        self.global_loss = global_loss
        self.limit = limit
        self.background = background
        self.minimum = global_loss.minimum if global_loss is not None else 0.0

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of one batch, as every `SegmentationLoss` does.

        ``y_true`` holds numbered or plain labels; of one-hot or soft labels each class is one
        object.
        """
        labels, blobs = _split(ops.convert_to_tensor(y_true))
        with keras.name_scope(self.name):
            batch = prepare_inputs(
                labels, y_pred, sample_weight, from_logits=self.from_logits, ignore=self.ignore
            )
            value = self._objects(batch, blobs)
            if self.global_loss is not None:
                value = value + self.global_loss(labels, y_pred, sample_weight)
            return value

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the loss where each class of an image is one object."""
        value = self._objects(batch, None)
        return value if self.global_loss is None else value + self.global_loss.compute(batch)

    def _objects(self, batch: LossInputs, blobs: Tensor | None) -> Tensor:
        target, probability = batch.target, batch.probability
        if not self.background and batch.channels > 1:
            target, probability = target[..., 1:], probability[..., 1:]
        if blobs is None:
            blobs = ops.zeros_like(batch.weight, "int32")
        return blob_dice(target, probability, batch.weight, blobs, limit=self.limit)


def _split(labels: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the class ids and the object numbers of numbered labels."""
    if len(labels.shape) == 4 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, axis=-1)
    if len(labels.shape) != 3:
        return labels, None
    codes = ops.cast(labels, "int32")
    numbered = codes >= _STRIDE
    blobs = ops.where(numbered, codes // _STRIDE, 0)
    # Fractions of the foreground are left unchanged.
    return ops.where(numbered, ops.cast(codes % _STRIDE, labels.dtype), labels), blobs
