"""The contract that every loss of this package keeps.

A loss is called ``loss(y_true, y_pred, sample_weight=None)`` and returns a float32 scalar.

============== =====================================================================================
y_true         ``(N, H, W)`` or ``(N, H, W, 1)`` label ids, or ``(N, H, W, K)`` one-hot or soft
y_pred         ``(N, H, W, K)`` logits (``from_logits=True``, the default) or probabilities;
               K = 1 is a binary problem through a sigmoid, K > 1 goes through a softmax
sample_weight  one number per pixel ``(N, H, W)``, or per image ``(N,)`` or ``(N, 1, 1)``
============== =====================================================================================

* **Precision.** Everything is computed in float32, whatever the policy and the dtype of inputs.
* **Weights.** A pixel of weight 2 equals two pixels: in numerators, denominators and counts. So
  means are ``sum(w * l) / sum(w)``, which Keras calls the reduction ``"mean_with_sample_weight"``:
  only ratios between weights matter, except for smoothing terms, which are given in pixels.
  Weight 0 equals no pixel. Where a loss averages over images, an image counts by the sum of its
  weights.
* **Ignored pixels** have weight 0: they change neither value nor gradient, whatever is predicted
  there, NaN included. Ignored are the label ``ignore``, all-zero pixels of one-hot labels and, in
  a compiled graph, label ids out of range; outside a graph those are an `InputError`.
* **Nothing left.** A batch in which every pixel is ignored gives 0 with zero gradient.
* **Absent classes** follow an argument of the loss, documented with its gradient.
* **Arguments** of losses and weighting rules are checked when one is made: a `SettingsError` names
  the one that is out of range.
* **Shapes are static** and no operation depends on values, so XLA compiles every loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.configured import Configured
from tilesegm.losses.inputs import LossInputs, prepare_inputs
from tilesegm.losses.names import settings_name
from tilesegm.losses.tensors import Tensor

__all__ = ["Common", "Compound", "SegmentationLoss"]


class Common(TypedDict, total=False):
    """The arguments that every loss takes, for ``**common: Unpack[Common]``."""

    from_logits: bool
    ignore: int | None
    name: str | None


class SegmentationLoss(Configured, keras.losses.Loss):  # type: ignore[misc]
    """Base of all losses: brings a batch into one form, then asks `compute` for the value.

    A subclass is short. It keeps each of its arguments under its name, by which models are saved,
    and implements `compute`; what other losses can use is a pure function of tensors::

        @keras.saving.register_keras_serializable(package="tilesegm")
        class Dice(SegmentationLoss):
            def __init__(self, *, smooth=1e-5, **common: Unpack[Common]):
                super().__init__(**common)
                self.smooth = smooth

            def compute(self, batch):
                return dice(batch.target, batch.probability, batch.weight, smooth=self.smooth)

    The base class takes care of pixels without weight and of batches without pixels, so `compute`
    only has to apply the weights: ``batch.weight`` must multiply every sum, also in denominators.

    Args:
        from_logits: whether ``y_pred`` are logits rather than probabilities.
        ignore: label id whose pixels are ignored.
        name: name in logs; the class name in snake case if None.
    """

    minimum: float = 0.0
    """Lower bound of the loss; ``-inf`` if it has none.

    Rules that weigh losses by their values (uncertainty, DWA, geometric mean) rely on it.
    """

    def __init__(
        self, *, from_logits: bool = True, ignore: int | None = None, name: str | None = None
    ) -> None:
        name = name or settings_name(type(self))
        super().__init__(name=name, reduction="mean_with_sample_weight", dtype="float32")
        self.from_logits = from_logits
        self.ignore = ignore

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the value of the loss, a float32 scalar.

        Args:
            batch: labels, scores and weights as `LossInputs` describes them.
        """
        raise NotImplementedError

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of one batch, a float32 scalar.

        Args:
            y_true: ``(N, H, W)`` or ``(N, H, W, 1)`` ids, or ``(N, H, W, K)`` one-hot or soft.
            y_pred: ``(N, H, W, K)`` scores.
            sample_weight: weight of each pixel ``(N, H, W)`` or image ``(N,)``.

        Raises:
            InputError: shapes, labels or weights do not fit; see `prepare_inputs`.
        """
        with keras.name_scope(self.name):
            batch = prepare_inputs(
                y_true, y_pred, sample_weight, from_logits=self.from_logits, ignore=self.ignore
            )
            value = self.compute(batch)
            return ops.where(ops.any(batch.weight > 0), value, 0.0)

    def __add__(self, other: SegmentationLoss) -> Compound:
        """Add two losses: ``CrossEntropy() + Dice()``."""
        return Compound([self]) + other

    def __mul__(self, factor: float) -> Compound:
        """Weigh a loss: ``Dice() * 0.5``."""
        return Compound([self]) * factor

    def __rmul__(self, factor: float) -> Compound:
        """Weigh a loss: ``0.5 * Dice()``."""
        return self * factor


@keras.saving.register_keras_serializable(package="tilesegm")
class Compound(SegmentationLoss):
    """A weighted sum of losses, ``sum_i w_i L_i``: ``CrossEntropy() + 0.5 * Dice()``.

    Sums of sums are flattened, so ``terms`` and ``weights`` list every loss. The weights are
    constants of a compiled graph and cannot change while a model trains; weights that change belong
    to the model (see `tilesegm.losses.weighting`), which weighs `values` itself.

    Example:
        >>> from tilesegm.losses import CrossEntropy, Dice
        >>> labels = [[[1, 0]]]  # one image of 1 x 2 pixels
        >>> probabilities = [[[[0.8], [0.4]]]]  # of the foreground
        >>> loss = CrossEntropy(from_logits=False) + 0.5 * Dice(from_logits=False)
        >>> loss
        1 * CrossEntropy + 0.5 * Dice
        >>> [round(float(value), 3) for value in loss.values(labels, probabilities)]
        [0.367, 0.273]
        >>> round(float(loss(labels, probabilities)), 3)
        0.503

    Args:
        terms: the losses, with the same ``from_logits`` and ``ignore``.
        weights: one factor per term, not negative; all 1 if None.
        name: name in logs; ``"compound"`` if None.

    Raises:
        SettingsError: there is no term, a weight is missing or negative, or the terms differ in
            ``from_logits`` or ``ignore``.
    """

    def __init__(
        self,
        terms: Sequence[SegmentationLoss],
        weights: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        factors = tuple(float(w) for w in ([1.0] * len(terms) if weights is None else weights))
        if not terms or len(factors) != len(terms):
            raise SettingsError(
                f"{len(terms)} terms and {len(factors)} weights; pass one weight per term"
            )
        if not all(math.isfinite(w) and w >= 0.0 for w in factors):
            raise SettingsError(f"weights are {factors}; expected finite numbers >= 0")
        if len({(term.from_logits, term.ignore) for term in terms}) > 1:
            raise SettingsError("terms differ in from_logits or ignore; give all of them the same")
        super().__init__(from_logits=terms[0].from_logits, ignore=terms[0].ignore, name=name)
        self.terms = tuple(terms)
        self.weights = factors
        pairs = zip(factors, self.terms, strict=True)
        self.minimum = sum(w * term.minimum for w, term in pairs if w)

    def values(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the value of each term before weighing, ``(T,)`` float32."""
        return ops.stack([term(y_true, y_pred, sample_weight) for term in self.terms])

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the weighted sum of `values`, a float32 scalar."""
        with keras.name_scope(self.name):
            values = self.values(y_true, y_pred, sample_weight)
            return ops.sum(values * ops.convert_to_tensor(self.weights, dtype="float32"))

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted sum for a batch in the form of `LossInputs`."""
        pairs = zip(self.weights, self.terms, strict=True)
        return ops.sum(ops.stack([weight * term.compute(batch) for weight, term in pairs]))

    def __add__(self, other: SegmentationLoss) -> Compound:
        """Append a loss, or all terms of another sum."""
        if not isinstance(other, SegmentationLoss):
            return NotImplemented
        more = other if isinstance(other, Compound) else Compound([other])
        return Compound(self.terms + more.terms, self.weights + more.weights)

    def __mul__(self, factor: float) -> Compound:
        """Weigh all terms."""
        return Compound(self.terms, [float(factor) * weight for weight in self.weights])

    def __repr__(self) -> str:
        """Return the sum as a formula."""
        pairs = zip(self.weights, self.terms, strict=True)
        return " + ".join(f"{weight:g} * {type(term).__name__}" for weight, term in pairs)
