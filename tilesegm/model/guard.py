"""bfloat16 only where it agrees with float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.model.base import ModelSpec, Predictor

__all__ = ["GuardedPredictor", "compare_scores"]


class GuardedPredictor:
    """Scores in bfloat16 if the first batch agrees with float32, otherwise in float32.

    It agrees when at least 99.5 % of the pixels keep their class and no probability changes by
    more than 0.1. Give `decide_precision` the same tiles to get the same decision in every run.

    Args:
        exact: the network in float32.
        fast: the same in bfloat16; None chooses float32 at once.
        reason: why there is no ``fast``.
    """

    least_agreement = 0.995
    largest_difference = 0.1

    def __init__(
        self, exact: Predictor, fast: Predictor | None, reason: str = "not compared yet"
    ) -> None:
        self._exact: Predictor | None = exact
        self._fast = fast
        self._spec = exact.spec
        self.reason = reason
        """Why it computes as it does."""

    @property
    def spec(self) -> ModelSpec:
        """What is known about the network."""
        return self._spec

    @property
    def precision(self) -> str:
        """``"float32"`` or ``"bfloat16"`` once chosen, ``"auto"`` before."""
        if self._fast and self._exact:
            return "auto"
        return "bfloat16" if self._fast else "float32"

    def decide_precision(self, tiles: NDArray[Any]) -> str:
        """Compare both precisions on ``tiles``, keep one for good, and return its name."""
        if self._fast and self._exact:
            agreement, difference = compare_scores(
                self._fast(tiles), self._exact(tiles), self._spec.probabilities
            )
            self.reason = (
                f"bfloat16 keeps the class of {agreement:.2%} of the pixels of the first tiles; "
                f"the largest change of a probability is {difference:.3f}"
            )
            agrees = agreement >= self.least_agreement and difference <= self.largest_difference
            if agrees:
                self._exact = None
            else:
                self._fast = None
        return self.precision

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`. The first one chooses the precision."""
        self.decide_precision(tiles)
        chosen = self._fast or self._exact
        assert chosen is not None
        return chosen(tiles)


def compare_scores(
    planes: NDArray[np.float32], reference: NDArray[np.float32], probabilities: bool
) -> tuple[float, float]:
    """Return the share of pixels of equal class and the largest difference of a probability.

    Args:
        planes: scores ``(N, classes, H, W)``.
        reference: scores of the same shape.
        probabilities: whether scores are probabilities; otherwise they are logits.
    """
    agreement = float((planes.argmax(axis=1) == reference.argmax(axis=1)).mean())
    if not probabilities:
        planes, reference = _softmax(planes), _softmax(reference)
    return agreement, float(np.abs(planes - reference).max())


def _softmax(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(planes - planes.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = raised / raised.sum(axis=1, keepdims=True)
    return result
