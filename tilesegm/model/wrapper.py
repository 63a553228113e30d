"""A predictor around another one."""

from __future__ import annotations

from tilesegm.model.base import ModelSpec, Predictor

__all__ = ["PredictorWrapper"]


class PredictorWrapper:
    """Base of predictors that let another one score, and change what goes in or comes out.

    Args:
        predictor: the one that scores.
        spec: what is known about the network so used; that of ``predictor`` when not given.
    """

    def __init__(self, predictor: Predictor, spec: ModelSpec | None = None) -> None:
        self._predictor = predictor
        self._spec = spec or predictor.spec

    @property
    def spec(self) -> ModelSpec:
        """What is known about the network so used."""
        return self._spec

    @property
    def precision(self) -> str:
        """Precision of the predictor's computation."""
        return getattr(self._predictor, "precision", "float32")
