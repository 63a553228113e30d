"""Dice over many batches: decaying sums instead of the sums of one batch."""

from __future__ import annotations

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.losses.configured import Configured
from tilesegm.losses.dice import dice_sums
from tilesegm.losses.inputs import prepare_inputs
from tilesegm.losses.reductions import divide, shortfall, weighted_mean
from tilesegm.losses.region import pixel_sum
from tilesegm.losses.tensors import Tensor

__all__ = ["RunningDice", "running_dice"]


def running_dice(
    shared: Tensor, sizes: Tensor, state: Tensor, *, decay: float, smooth: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Return the Dice loss of this batch and all batches before it, and the new state.

    Numerator and denominator are sums over batches; the sums of t batches ago are multiplied by
    ``decay^t``. The gradient passes through this batch only. A batch without the class still has a
    gradient, ``2 I / D^2``, because I and D contain earlier batches that had it.

    Args:
        shared: ``(1, K)`` numerators of this batch, from `dice_sums`.
        sizes: ``(1, K)`` denominators of this batch.
        state: ``(2, K)`` numerators and denominators of all batches before; zeros at first.
        decay: factor on the state, in ``[0, 1)``; 0 is Dice over the batch. About
            ``1 / (1 - decay)`` batches count.
        smooth: added to numerator and denominator, in pixels.

    Returns:
        ``(1, K)`` losses and the ``(2, K)`` state.
    """
    past = decay * ops.stop_gradient(state)
    shared, sizes = past[:1] + shared, past[1:] + sizes
    after = ops.stop_gradient(ops.concatenate([shared, sizes], axis=0))
    return shortfall(shared + smooth, sizes + smooth), after


@keras.saving.register_keras_serializable(package="tilesegm")
class RunningDice(Configured, keras.layers.Layer):  # type: ignore[misc]
    """Dice over decaying sums of batches, for classes that are absent from most batches.

    It is a Keras layer, not a ``Loss``: state inside a loss silently stops changing on JAX, while
    the weights of a layer are part of the model on every backend. So the model owns it::

        class Net(keras.Model):
            def __init__(self):
                ...
                self.running_dice = RunningDice(6, decay=0.9)

            def compute_loss(self, x, y, y_pred, sample_weight, training=True):
                return self.running_dice(y, y_pred, sample_weight, training=training)

    Outside training the state is neither used nor changed. For a class that no batch has had so
    far, the loss is its mean probability, as with ``absent="area"`` of `RegionLoss`.

    Args:
        channels: K, the channels of the scores.
        decay: factor on the state at each batch, in ``[0, 1)``.
        from_logits: whether ``y_pred`` are logits rather than probabilities.
        ignore: label id whose pixels are ignored.
        name: name of the layer.
    """

    def __init__(
        self,
        channels: int,
        *,
        decay: float = 0.9,
        from_logits: bool = True,
        ignore: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype="float32")
        in_range("channels", channels, 1)
        in_range("decay", decay, 0, 1, "[)")
        self.channels = channels
        self.decay = decay
        self.from_logits = from_logits
        self.ignore = ignore
        self.sums = self.add_weight(
            shape=(2, channels), initializer="zeros", trainable=False, name="sums"
        )
        self.built = True

    def call(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        """Return the loss, a float32 scalar; in training, add the batch to the state."""
        batch = prepare_inputs(
            y_true, y_pred, sample_weight, from_logits=self.from_logits, ignore=self.ignore
        )
        shared, sizes = dice_sums(batch.target, batch.probability, batch.weight)
        state = self.sums if training else ops.zeros_like(self.sums)
        losses, after = running_dice(shared, sizes, ops.convert_to_tensor(state), decay=self.decay)
        if training:
            self.sums.assign(after)
        area = pixel_sum(ops.ones_like(batch.target), batch.weight)
        wrong = divide(pixel_sum(ops.abs(batch.probability - batch.target), batch.weight), area)
        # A numerator above 0 means that some batch had a pixel of the class.
        return weighted_mean(ops.where(after[:1] > 0.0, losses, wrong), area)
