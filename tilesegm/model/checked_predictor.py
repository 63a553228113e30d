"""Scores that were taken for probabilities, or for logits, looked at as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ModelError
from tilesegm.model.base import Predictor
from tilesegm.model.outputs import sums_to_one
from tilesegm.model.wrapper import PredictorWrapper

__all__ = ["CheckedPredictor"]


class CheckedPredictor(PredictorWrapper):
    """Refuses scores that contradict what a probe on noise took them for.

    Args:
        predictor: a network whose outputs were probed.
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor)
        self._first = True

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`.

        Raises:
            ModelError: scores taken for probabilities leave 0 to 1, or those of the first batch
                look like probabilities and were taken for logits.
        """
        planes = self._predictor(tiles)
        low, high = float(planes.min()), float(planes.max())
        if self.spec.probabilities:
            contradicts = low < -0.01 or high > 1.01
        else:
            contradicts = self._first and high - low > 0.05 and sums_to_one(planes, 1)
        self._first = False
        if contradicts:
            sums = " and sum to 1" if sums_to_one(planes, 1) else ""
            raise ModelError(
                f"{self.spec.name} gives outputs that {self.spec.probed}, and on this image they "
                f"reach from {low:.3g} to {high:.3g}{sums}; say what they are: --network-outputs "
                "logits or --network-outputs probabilities"
            )
        return planes
