"""Sums of losses, written as sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.targets import Batch, Tensor

__all__ = ["Compound"]


@keras.saving.register_keras_serializable(package="tilesegm")
class Compound(SegmentationLoss):
    """A weighted sum of losses: ``CrossEntropy() + 0.5 * Dice()``.

    Sums of sums are flat, so ``terms`` and ``weights`` show all there is. The weights are constants
    of a compiled graph and cannot change while a model trains; weights that change belong to the
    model (see :mod:`tilesegm.losses.weighting`), which weighs :meth:`values` itself.

    Args:
        terms: The losses, with the same ``from_logits`` and ``ignore``.
        weights: One factor a term, not negative; all 1 if None.
        name: Name in logs; ``"compound"`` if None.

    Raises:
        SettingsError: There is no term, a weight is missing or negative, or terms differ in
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
            raise SettingsError(f"{len(terms)} terms and {len(factors)} weights; pass one a term")
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
        """Return the weighted sum of :meth:`values`, a float32 scalar."""
        with keras.name_scope(self.name):
            values = self.values(y_true, y_pred, sample_weight)
            return ops.sum(values * ops.convert_to_tensor(self.weights, dtype="float32"))

    def compute(self, batch: Batch) -> Tensor:
        """Return the weighted sum for a batch that is prepared already."""
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
        """Return the sum as it would be written."""
        pairs = zip(self.weights, self.terms, strict=True)
        return " + ".join(f"{weight:g} * {type(term).__name__}" for weight, term in pairs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        terms = [keras.saving.serialize_keras_object(term) for term in self.terms]
        return {"terms": terms, "weights": list(self.weights), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Compound:
        """Rebuild the sum, its terms included."""
        terms = [keras.saving.deserialize_keras_object(term) for term in config["terms"]]
        return cls(terms, config["weights"], config["name"])
