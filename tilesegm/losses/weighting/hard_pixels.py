"""Weights of pixels by how hard they are for the network at the moment."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.configured import Configured
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import LayerOptions

__all__ = ["HardPixels", "is_hard"]


def is_hard(probability: Tensor, weight: Tensor, *, threshold: float, keep: float) -> Tensor:
    """Tell the pixels whose class is not yet found with confidence.

    Args:
        probability: ``(...)`` of the true class of each pixel.
        weight: ``(...)``; pixels of weight 0 are not hard and are not counted.
        threshold: pixels below this probability are hard.
        keep: fraction of the weight that is hard at least, in ``(0, 1]``: that of the pixels of
            lowest probability, and of all those that are like the last of them.

    Returns:
        float32 ``(...)`` of 1 where a pixel is hard, 0 elsewhere.
    """
    counted = weight > 0
    flat = ops.reshape(ops.where(counted, probability, 2.0), (-1,))
    order = ops.argsort(flat)
    total = ops.cumsum(ops.take(ops.reshape(weight, (-1,)), order))
    # As many of the lowest as it takes to reach the fraction.
    enough = ops.sum(ops.cast(total < keep * total[-1], "int32"))
    limit = ops.take(ops.take(flat, order), enough)
    hard = ops.logical_or(probability < threshold, probability <= limit)
    return ops.cast(ops.logical_and(hard, counted), "float32")


@keras.saving.register_keras_serializable(package="tilesegm")
class HardPixels(Configured, keras.layers.Layer):  # type: ignore[misc]
    """Let only hard pixels count, in every loss of a model alike.

    Online hard example mining (Shrivastava, Gupta and Girshick 2016) for pixels, in the form that
    segmentation uses since Wu, Shen and van den Hengel (2016): pixels count whose true class has a
    probability below ``threshold``, and at least the fraction ``keep`` of the batch. The choice is
    made on probabilities that no gradient passes through, and multiplies the weights of pixels, so
    every loss sees it.

    To a network that knows nothing, the hardest pixels are a matter of chance. So all pixels count
    alike at first, and the weight of the others falls along a line to 0, as DeepLab lowers the
    fraction of its hardest pixels over the first steps (Chen et al. 2018).

    Args:
        epochs: length of the run.
        threshold: probability of the true class from which a pixel is easy.
        keep: fraction of the weight of a batch that counts at least, in ``(0, 1]``.
        warm_up: fraction of the run over which the weight of easy pixels falls from 1 to 0.
        **layer: ``name``, ``trainable`` and ``dtype`` of the layer.
    """

    def __init__(
        self,
        epochs: int,
        *,
        threshold: float = 0.7,
        keep: float = 0.1,
        warm_up: float = 0.3,
        **layer: Unpack[LayerOptions],
    ) -> None:
        layer.setdefault("dtype", "float32")
        super().__init__(**layer)
        in_range("epochs", epochs, 1)
        in_range("threshold", threshold, 0, 1, what="a probability")
        in_range("keep", keep, 0, 1, "(]", what="a fraction of pixels")
        in_range("warm_up", warm_up, 0, 1, what="a fraction of the run")
        self.epochs = epochs
        self.threshold = threshold
        self.keep = keep
        self.warm_up = warm_up
        self.easy = self.add_weight(name="easy", shape=(), initializer="ones", trainable=False)
        self.built = True

    def easy_in(self, epoch: int) -> float:
        """Return the weight of easy pixels in an epoch, which counts from 0."""
        length = self.warm_up * self.epochs
        return max(0.0, 1.0 - epoch / length) if length else 0.0

    def begin_epoch(self, epoch: int) -> None:
        """Set the weight of easy pixels."""
        self.easy.assign(self.easy_in(epoch))

    def weigh(self, batch: LossInputs) -> Tensor:
        """Return float32 ``(N, H, W)``: the weights of the batch, those of easy pixels lowered."""
        found = ops.sum(batch.classes * ops.exp(batch.log_probability), axis=-1)
        hard = is_hard(
            ops.stop_gradient(found), batch.weight, threshold=self.threshold, keep=self.keep
        )
        easy = ops.convert_to_tensor(self.easy)
        return batch.weight * (hard + (1.0 - hard) * easy)
