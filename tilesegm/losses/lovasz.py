"""Lovász losses: the convex extension of the Jaccard loss, taken over sorted errors."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.errors import InputError, SettingsError
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import divide
from tilesegm.losses.region import Pool, RegionLoss, RegionOptions
from tilesegm.losses.tensors import Tensor

__all__ = ["Lovasz", "LovaszHinge", "lovasz_extension"]


def lovasz_extension(
    errors: Tensor, target: Tensor, weight: Tensor, *, pool: Pool = "batch"
) -> Tensor:
    """Return the Lovász extension of the Jaccard loss of each group and class.

    Errors are sorted, largest first, and each is multiplied by the growth of the Jaccard loss when
    its pixel is added to the wrong pixels (Berman et al. 2018, CVPR, algorithm 1). A pixel is added
    with its weight, so a pixel of weight 2 equals two pixels and weight 0 adds nothing.

    Args:
        errors: ``(N, H, W, K)`` errors, not negative.
        target: ``(N, H, W, K)`` labels, 0 or 1.
        weight: ``(N, H, W)`` pixel weights.
        pool: whether to sum over the whole batch or over each image.

    Returns:
        ``(G, K)`` losses, with G = 1 for the batch and N for images.
    """
    channels = int(errors.shape[-1])
    shape = (ops.shape(errors)[0] if pool == "image" else 1, -1, channels)
    errors, target = ops.reshape(errors, shape), ops.reshape(target, shape)
    weight = ops.reshape(weight, (*shape[:2], 1))
    # The order is constant between two ties, so no gradient passes through it.
    order = ops.argsort(-ops.stop_gradient(errors), axis=1)
    inside = ops.take_along_axis(weight * target, order, axis=1)
    outside = ops.take_along_axis(weight * (1.0 - target), order, axis=1)
    size = ops.sum(inside, axis=1, keepdims=True)
    hit = size - ops.cumsum(inside, axis=1) + inside
    union = size + ops.cumsum(outside, axis=1)
    before = union - outside
    # The growth of the Jaccard loss as a product: the difference of two nearly equal values would
    # leave few digits on a tile of a million pixels.
    growth = divide(inside + outside * divide(hit, before), union)
    # The first wrong pixel of an absent class takes its loss from 0 to 1.
    growth = ops.where(before > 0.0, growth, ops.cast(union > 0.0, "float32"))
    return ops.sum(ops.take_along_axis(errors, order, axis=1) * growth, axis=1)


@keras.saving.register_keras_serializable(package="tilesegm")
class Lovasz(RegionLoss):
    """Lovász-Softmax loss, and its form through the sigmoid where K = 1 (Berman et al. 2018).

    The convex extension of the Jaccard loss, applied to the errors ``|g - p|``. Best added to
    cross-entropy or used at the end of training, since it starts badly from scratch. It costs a
    sort of all pixels per class. ``absent="skip"`` is ``classes="present"`` in the paper.

    Args:
        **region: the arguments of every `RegionLoss`.
    """

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `lovasz_extension` of ``|g - p|`` of each group and class, ``(G, K)``."""
        return lovasz_extension(ops.abs(target - probability), target, weight, pool=self.pool)


@keras.saving.register_keras_serializable(package="tilesegm")
class LovaszHinge(RegionLoss):
    """Lovász hinge loss of a binary problem, from logits (Berman et al. 2018, CVPR).

    Errors are ``max(0, 1 - z)`` in the foreground and ``max(0, 1 + z)`` in the background, with the
    logit z, so pixels that are right by a margin have no gradient.

    Args:
        **region: ``pool`` and ``absent`` as for every `RegionLoss`; ``ignore``, ``name``.

    Raises:
        SettingsError: ``from_logits`` is False; a margin needs logits.
    """

    def __init__(self, **region: Unpack[RegionOptions]) -> None:
        super().__init__(**region)
        if not self.from_logits:
            raise SettingsError(
                "from_logits is False; a hinge needs logits: pass them, or take lovasz"
            )

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the mean of `lovasz_extension` of the hinge errors.

        Raises:
            InputError: the scores have more than one channel.
        """
        if batch.channels != 1:
            raise InputError(
                f"y_pred has {batch.channels} channels; expected 1: take lovasz for several classes"
            )
        errors = ops.relu(1.0 - batch.scores * (2.0 * batch.target - 1.0))
        losses = lovasz_extension(errors, batch.target, batch.weight, pool=self.pool)
        return self.mean(losses, batch.target, batch.probability, batch.weight)
