"""A predictor of a network whose weights change between two calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.model.base import ModelSpec
from tilesegm.model.compile import ArrayFunction
from tilesegm.model.keras_predictor import KerasPredictor
from tilesegm.model.normalisation import Normalisation

__all__ = ["LivePredictor"]


class LivePredictor(KerasPredictor):
    """Scores tiles with the weights that a network has at the moment, and compiles once.

    TensorFlow and Torch read variables whenever they compute. JAX bakes into a program what
    variables hold while it is traced, so there they are handed to the program at each call.
    """

    def __init__(
        self, network: keras.Model, spec: ModelSpec, normalisation: Normalisation, xla: bool = False
    ) -> None:
        super().__init__(partial(network, training=False), spec, normalisation, xla=xla)
        if keras.backend.backend() == "jax":
            self._run = _with_state(network.variables, self._score)


def _with_state(variables: list[Any], score: Callable[[Any], Any]) -> ArrayFunction:
    import jax

    def run(values: list[Any], pixels: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return score(pixels)

    compiled = jax.jit(run)

    def call(tiles: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(compiled([variable.value for variable in variables], tiles))

    return call
