"""Deep supervision: the same loss at every output of a decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tilesegm.errors import InputError, SettingsError
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.tensors import Tensor

__all__ = ["DeepSupervision", "nearest", "output_weights"]

_RULES = ("halving", "halving_without_last", "equal")


@keras.saving.register_keras_serializable(package="tilesegm")
class DeepSupervision(SegmentationLoss):
    """The weighted sum of one loss over outputs of different resolution, ``sum_i w_i L_i``.

    ``y_pred`` is a list of score maps (or a dict, in its order), the finest first; ``y_true`` and
    ``sample_weight`` have full resolution. Labels and weights are resampled by nearest neighbour,
    so ids are never mixed. A single map counts as one output, so a model can drop the other outputs
    for evaluation and keep its loss.

    Keras calls a separate loss for each output. To use this one in ``fit``, override
    ``Model.compute_loss`` and call it there with the list; or pass
    ``loss=[term] * n, loss_weights=output_weights(n)`` and labels of each size by `nearest`.

    Args:
        base: the loss of each output; ``from_logits`` and ``ignore`` are taken from it.
        weights: weights of the outputs, see `output_weights`.
        name: name in logs; ``"deep_supervision"`` if None.

    Raises:
        SettingsError: ``weights`` is neither a rule nor numbers >= 0 with a sum above 0.
    """

    def __init__(
        self,
        base: SegmentationLoss,
        *,
        weights: str | Sequence[float] = "halving",
        name: str | None = None,
    ) -> None:
        super().__init__(from_logits=base.from_logits, ignore=base.ignore, name=name)
        self.base = base
        self.weights = weights if isinstance(weights, str) else [float(w) for w in weights]
        output_weights(2 if isinstance(weights, str) else len(weights), weights)
        self.minimum = base.minimum

    def __call__(self, y_true: Tensor, y_pred: Any, sample_weight: Tensor | None = None) -> Tensor:
        """Return the loss of one batch, a float32 scalar.

        Args:
            y_true: ``(N, H, W)`` or ``(N, H, W, 1)`` ids, or ``(N, H, W, K)`` one-hot or soft.
            y_pred: list or dict of scores ``(N, h, w, K)``, finest first, or scores alone.
            sample_weight: weight of each pixel ``(N, H, W)`` or image ``(N,)``.

        Raises:
            InputError: there is no output, the number of weights differs from the number of
                outputs, or shapes, labels or weights do not fit.
        """
        outputs = _outputs(y_pred)
        if not isinstance(self.weights, str) and len(self.weights) != len(outputs) > 1:
            raise InputError(
                f"y_pred has {len(outputs)} outputs, weights {len(self.weights)} numbers;"
                " pass one weight per output"
            )
        shares = output_weights(len(outputs), self.weights if len(outputs) > 1 else "equal")
        total = ops.zeros((), "float32")
        with keras.name_scope(self.name):
            for share, scores in zip(shares, outputs, strict=True):
                if share > 0.0:
                    total = total + share * self._at(y_true, scores, sample_weight)
        return total

    def _at(self, y_true: Tensor, scores: Tensor, sample_weight: Tensor | None) -> Tensor:
        labels, weight = ops.convert_to_tensor(y_true), sample_weight
        full, size = tuple(labels.shape[1:3]), tuple(scores.shape[1:3])
        # Where a size is unknown, the base loss checks the shapes.
        if len(full) == len(size) == 2 and None not in full + size:
            if weight is not None and tuple(weight.shape[1:3]) == full:
                weight = nearest(weight, size)
            labels = nearest(labels, size)
        return self.base(labels, scores, weight)

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the loss of a single output in the form of `LossInputs`."""
        return self.base.compute(batch)


def output_weights(outputs: int, weights: str | Sequence[float] = "halving") -> list[float]:
    """Return the weight of each output, finest first; their sum is 1.

    Args:
        outputs: number of outputs.
        weights: ``"halving"``: output i has ``1 / 2^i`` (Isensee et al. 2021, nnU-Net, before
            scaling to sum 1); ``"halving_without_last"``: the same with 0 for the coarsest of
            several, as in nnU-Net; ``"equal"``; or one number per output.

    Raises:
        SettingsError: ``weights`` is another word, or has numbers below 0 or only zeros.
    """
    if isinstance(weights, str):
        if weights not in _RULES:
            raise SettingsError(f"weights is {weights!r}; expected one of {_RULES} or numbers")
        raw = [1.0 if weights == "equal" else 0.5**i for i in range(outputs)]
        if weights == "halving_without_last" and outputs > 1:
            raw[-1] = 0.0
    else:
        raw = [float(w) for w in weights]
    if not raw or min(raw) < 0.0 or sum(raw) <= 0.0:
        raise SettingsError(f"weights is {weights}; expected numbers >= 0, not all of them 0")
    return [w / sum(raw) for w in raw]


def nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample ``(N, H, W[, K])`` to ``size`` by nearest neighbour.

    Pixels are areas: row i of the result is row ``floor((i + 0.5) * H / height)`` of the map.

    Args:
        maps: ``(N, H, W)`` or ``(N, H, W, K)``, of any dtype.
        size: height and width of the result.
    """
    maps = ops.convert_to_tensor(maps)
    for axis, side in enumerate(size, start=1):
        have = int(maps.shape[axis])
        if have != side:
            index = ((np.arange(side) + 0.5) * have / side).astype(np.int32)
            maps = ops.take(maps, index, axis=axis)
    return maps


def _outputs(y_pred: Any) -> list[Tensor]:
    if isinstance(y_pred, Mapping):
        y_pred = list(y_pred.values())
    outputs = list(y_pred) if isinstance(y_pred, list | tuple) else [y_pred]
    if not outputs:
        raise InputError("y_pred has no outputs; pass a list of scores (N, h, w, K), finest first")
    return outputs
