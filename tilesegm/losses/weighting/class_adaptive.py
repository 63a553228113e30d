"""Class weights that follow the confusion of the network while it trains."""

from __future__ import annotations

from typing import Literal, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.configured import Configured
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import LayerOptions

__all__ = ["ClassAdaptive", "confusion", "error_weights"]

Score = Literal["iou", "recall"]
_SCORES = ("iou", "recall")


def confusion(classes: Tensor, predicted: Tensor, weight: Tensor) -> Tensor:
    """Return fractions of pixels by true class (rows) and predicted class (columns).

    Args:
        classes: ``(..., C)`` one-hot or soft truth.
        predicted: ``(...)`` class ids.
        weight: ``(...)``; pixels of weight 0 are left out, all other weights count as 1.

    Returns:
        float32 ``(C, C)`` with the sum 1, or zeros if no pixel is left.
    """
    C = classes.shape[-1]
    truth = ops.reshape(ops.argmax(classes, axis=-1), (-1,))
    cell = ops.cast(truth, "int32") * C + ops.cast(ops.reshape(predicted, (-1,)), "int32")
    # Pixels of weight 0 get a cell of their own. Counts are integers: float32 is exact only up to
    # 2^24, the pixels of one large tile.
    cell = ops.where(ops.reshape(weight, (-1,)) > 0, cell, C * C)
    counts = ops.segment_sum(ops.ones_like(cell), cell, num_segments=C * C + 1)[:-1]
    counts = ops.cast(ops.reshape(counts, (C, C)), "float32")
    return counts / ops.maximum(ops.sum(counts), 1.0)


def error_weights(shares: Tensor, *, score: Score = "iou", ratio: float = 10.0) -> Tensor:
    """Return ``1 - score`` of each class, with bounded ratios and the mean 1.

    Args:
        shares: ``(C, C)`` confusion, true classes in rows.
        score: intersection over union, or recall.
        ratio: greatest ratio of two weights.

    Returns:
        float32 ``(C,)``. A class without pixels has weight 1; so has every class once all scores
        are 1.
    """
    hit = ops.diagonal(shares)
    truth = ops.sum(shares, axis=1)
    whole = truth if score == "recall" else truth + ops.sum(shares, axis=0) - hit
    present = truth > 0
    error = 1.0 - hit / ops.where(whole > 0, whole, 1.0)
    worst = ops.max(ops.where(present, error, 0.0))
    error = ops.maximum(error, worst / ratio)
    count = ops.maximum(ops.sum(ops.cast(present, "float32")), 1.0)
    mean = ops.sum(ops.where(present, error, 0.0)) / count
    return ops.where(
        ops.logical_and(present, mean > 0), error / ops.where(mean > 0, mean, 1.0), 1.0
    )


@keras.saving.register_keras_serializable(package="tilesegm")
class ClassAdaptive(Configured, keras.layers.Layer):  # type: ignore[misc]
    """Weigh pixels by the error of their class, in every loss of a model alike.

    A running confusion matrix of the training batches gives a score for each class, and
    ``1 - score`` is the weight of its pixels. The weights of a step come from the steps before it.
    They multiply the sample weights, so every loss treats them like sample weights. They can be
    combined with any `Rule`, which weighs losses, not classes.

    A class that the network cannot learn, because of wrong labels for example, ends with the
    greatest weight, ``ratio`` times that of the best class: keep ``ratio`` small if labels are
    noisy. With a small ``momentum`` the weights oscillate between classes.

    Args:
        classes: number of classes C, 2 for a binary problem.
        score: ``"iou"``, or ``"recall"``, which does not count false positives.
        momentum: fraction of the running confusion matrix that a step keeps, below 1.
        ratio: greatest ratio of two weights, at least 1.
        **layer: ``name``, ``trainable`` and ``dtype`` of the layer.
    """

    def __init__(
        self,
        classes: int,
        *,
        score: Score = "iou",
        momentum: float = 0.99,
        ratio: float = 10.0,
        **layer: Unpack[LayerOptions],
    ) -> None:
        layer.setdefault("dtype", "float32")
        super().__init__(**layer)
        if classes < 2 or not 0 <= momentum < 1 or not ratio >= 1 or score not in _SCORES:
            raise SettingsError(
                f"classes={classes}, momentum={momentum:g}, ratio={ratio:g}, score={score!r};"
                " expected classes >= 2, 0 <= momentum < 1, ratio >= 1 and score 'iou' or 'recall'"
            )
        self.classes = classes
        self.score: Score = score
        self.momentum = momentum
        self.ratio = ratio
        self.running = self.add_weight(
            name="running",
            shape=(classes, classes),
            initializer="zeros",
            trainable=False,
            aggregation="mean",  # of the parts of a batch that several devices have
        )
        self.built = True

    def weights_now(self) -> Tensor:
        """Return the ``(C,)`` class weights of the next step."""
        return error_weights(
            ops.convert_to_tensor(self.running), score=self.score, ratio=self.ratio
        )

    def weigh(self, batch: LossInputs, training: bool) -> Tensor:
        """Return the weight of each pixel and, in training, update the confusion matrix.

        Args:
            batch: labels, scores and weights of a step.
            training: whether this is a training step; an evaluation changes nothing.

        Returns:
            float32 ``(N, H, W)``: the weights of the batch times the weights of the classes.

        Raises:
            SettingsError: the scores have another number of classes.
        """
        scores = batch.log_probability
        if scores.shape[-1] != self.classes:
            raise SettingsError(
                f"y_pred has {scores.shape[-1]} classes, ClassAdaptive {self.classes}:"
                " give both the same, 2 for a binary problem"
            )
        weights = self.weights_now()
        if training:
            shares = confusion(batch.classes, ops.argmax(scores, axis=-1), batch.weight)
            self._update(ops.stop_gradient(shares))
        return batch.weight * ops.sum(batch.classes * weights, axis=-1)

    def _update(self, shares: Tensor) -> None:
        """Update the running confusion matrix; a batch without pixels does not change it."""
        running = ops.convert_to_tensor(self.running)
        # The first batch is taken in full: averaged with zeros it would only be scaled down.
        keep = ops.where(ops.any(running > 0), self.momentum, 0.0)
        moved = keep * running + (1.0 - keep) * shares
        self.running.assign(ops.where(ops.any(shares > 0), moved, running))
