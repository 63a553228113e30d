"""The inputs of every loss: labels, scores and weights of one batch in one common form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from keras import ops

from tilesegm.errors import InputError
from tilesegm.losses.tensors import Tensor, concrete

__all__ = ["LossInputs", "prepare_inputs"]

_SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class LossInputs:
    """Labels, scores and weights of one batch, as `prepare_inputs` makes them; float32.

    Pixels without weight take no part: their target and scores are zero, and no gradient reaches
    their scores, whatever a loss does with them.

    Attributes:
        target: ``(N, H, W, K)`` fractions of each class, one-hot for hard labels; for K = 1 the
            fraction of the foreground.
        scores: ``(N, H, W, K)`` logits, or probabilities where ``from_logits`` is False.
        weight: ``(N, H, W)``, zero at ignored pixels; 2 means that the pixel counts twice.
        from_logits: whether ``scores`` are logits.
    """

    target: Tensor
    scores: Tensor
    weight: Tensor
    from_logits: bool

    @property
    def channels(self) -> int:
        """K, the last axis of the scores; 1 means a binary problem."""
        return int(self.scores.shape[-1])

    @cached_property
    def probability(self) -> Tensor:
        """``(N, H, W, K)``: softmax of the logits, or their sigmoid where K = 1."""
        if not self.from_logits:
            return self.scores
        return ops.sigmoid(self.scores) if self.channels == 1 else ops.softmax(self.scores, axis=-1)

    @cached_property
    def log_probability(self) -> Tensor:
        """``(N, H, W, C)`` with C = max(K, 2): background and foreground if K = 1.

        Exact from logits at any confidence; probabilities are clipped to at least 1e-7 first.
        """
        if self.from_logits:
            if self.channels > 1:
                return ops.log_softmax(self.scores, axis=-1)
            return ops.log_sigmoid(ops.concatenate([-self.scores, self.scores], axis=-1))
        scores = self.scores
        if self.channels == 1:
            scores = ops.concatenate([1.0 - scores, scores], axis=-1)
        return ops.log(ops.clip(scores, _SMALLEST_PROBABILITY, 1.0))

    @cached_property
    def classes(self) -> Tensor:
        """The target as ``(N, H, W, C)``, the channels of `log_probability`."""
        if self.channels > 1:
            return self.target
        # A pixel without weight stays zero in both channels.
        present = ops.cast(self.weight > 0, "float32")[..., None]
        return ops.concatenate([present - self.target, self.target], axis=-1)


def prepare_inputs(
    y_true: Tensor,
    y_pred: Tensor,
    sample_weight: Tensor | None = None,
    *,
    from_logits: bool = True,
    ignore: int | None = None,
) -> LossInputs:
    """Bring labels, scores and weights of one batch into the form that all losses share.

    Args:
        y_true: ``(N, H, W)`` or ``(N, H, W, 1)`` label ids of any dtype, or ``(N, H, W, K)``
            one-hot or soft labels. For K = 1 an id is also the fraction of the foreground.
        y_pred: ``(N, H, W, K)`` scores of any float dtype.
        sample_weight: none, ``(N,)``, ``(N, 1, 1)``, ``(N, H, W)`` or ``(N, H, W, 1)``, not
            negative.
        from_logits: whether ``y_pred`` are logits rather than probabilities.
        ignore: label id whose pixels are ignored. In one-hot labels, pixels whose fraction of this
            class is above 1/2.

    Returns:
        The inputs. Pixels without a class have weight 0: ignored pixels, all-zero pixels of one-hot
        labels and, inside a compiled graph, ids outside ``[0, K)``.

    Raises:
        InputError: shapes do not match; or, outside a compiled graph, where values are known, a
            label is out of range and not ``ignore``, or a weight is negative.
    """
    scores = ops.cast(ops.convert_to_tensor(y_pred), "float32")
    labels = ops.convert_to_tensor(y_true)
    _check_shapes(labels, scores)
    soft = len(labels.shape) == 4 and labels.shape[-1] != 1
    target, valid = (_soft if soft else _ids)(labels, int(scores.shape[-1]), ignore)
    weight = ops.cast(valid, "float32")
    if sample_weight is not None:
        weight = weight * _pixel_weight(sample_weight, scores)
    present = (weight > 0)[..., None]
    # Zeroed here, a pixel without weight reaches no loss, not even through its neighbours, nor does
    # a NaN in it.
    return LossInputs(
        target=ops.where(present, target, 0.0),
        scores=ops.where(present, scores, 0.0),
        weight=weight,
        from_logits=from_logits,
    )


def _ids(labels: Tensor, channels: int, ignore: int | None) -> tuple[Tensor, Tensor]:
    """Return target and validity of label ids."""
    if len(labels.shape) == 4:
        labels = ops.squeeze(labels, axis=-1)
    _check_range(labels, max(channels - 1, 1), ignore)
    if channels == 1:
        ids = ops.cast(labels, "float32")
        target = ids[..., None]
        valid = ops.logical_and(ids >= 0.0, ids <= 1.0)
    else:
        ids = ops.cast(labels, "int32")
        target = ops.cast(ops.equal(ids[..., None], ops.arange(channels, dtype="int32")), "float32")
        valid = ops.logical_and(ids >= 0, ids < channels)
    if ignore is not None:
        valid = ops.logical_and(valid, ops.not_equal(ids, ignore))
    return target, valid


def _soft(labels: Tensor, channels: int, ignore: int | None) -> tuple[Tensor, Tensor]:
    """Return target and validity of one-hot or soft labels."""
    _check_range(labels, 1, None)
    target = ops.cast(labels, "float32")
    valid = ops.sum(target, axis=-1) > 0.0
    if ignore is not None and 0 <= ignore < channels:
        valid = ops.logical_and(valid, target[..., ignore] <= 0.5)
    return target, valid


def _pixel_weight(sample_weight: Tensor, scores: Tensor) -> Tensor:
    """Return the weights as a float32 tensor that broadcasts to ``(N, H, W)``."""
    weight = ops.cast(ops.convert_to_tensor(sample_weight), "float32")
    shape = tuple(weight.shape)
    if len(shape) == 4 and shape[-1] == 1:
        weight = ops.squeeze(weight, axis=-1)
    elif len(shape) == 1:
        weight = ops.reshape(weight, (-1, 1, 1))
    sizes = zip(weight.shape, scores.shape[:3], strict=False)
    fits = all(have in (None, 1, want) or want is None for have, want in sizes)
    if len(weight.shape) != 3 or not fits:
        raise InputError(
            f"sample_weight has shape {shape}, which does not fit y_pred {tuple(scores.shape)};"
            " pass (N,), (N, 1, 1) or (N, H, W)"
        )
    values = concrete(weight)
    if values is not None and values.size and values.min() < 0:
        raise InputError(f"sample_weight holds {values.min():g}; weights must not be negative")
    return weight


def _check_shapes(labels: Tensor, scores: Tensor) -> None:
    """Refuse labels and scores whose shapes do not match."""
    true, pred = tuple(labels.shape), tuple(scores.shape)
    if len(pred) != 4 or pred[-1] is None:
        raise InputError(
            f"y_pred has shape {pred}; expected (N, H, W, K), with K = 1 for a binary problem"
        )
    fits = len(true) in (3, 4) and all(
        a is None or b is None or a == b for a, b in zip(true[:3], pred[:3], strict=False)
    )
    if not fits or (len(true) == 4 and true[-1] not in (1, pred[-1])):
        raise InputError(
            f"y_true has shape {true} and y_pred {pred}; expected y_true (N, H, W), (N, H, W, 1)"
            " or (N, H, W, K)"
        )


def _check_range(labels: Tensor, highest: int, ignore: int | None) -> None:
    """Refuse labels outside ``[0, highest]`` other than ``ignore``, if values are known."""
    values = concrete(labels)
    if values is None:
        return
    wrong = values[
        (values < 0) | (values > highest) | (values != values)
    ]  # NaN differs from itself
    if ignore is not None:
        wrong = wrong[wrong != ignore]
    if wrong.size:
        raise InputError(
            f"y_true holds the label {wrong.flat[0]:g}, expected 0 to {highest};"
            " relabel those pixels, or pass their id as ignore"
        )
